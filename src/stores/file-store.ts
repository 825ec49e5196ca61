import fs from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import { IrisPortsError } from "../errors/base.ts";
import { RegistryCorruptError, RegistrySchemaError } from "../errors/errors.ts";
import { commandText } from "../settings/command-text.ts";
import { clearObstacles } from "./clear-obstacles.ts";
import { CommitChain } from "./commit-chain.ts";
import { type CommitToken, EMPTY_DOCUMENT, type RegistryDocument, serializeDocument } from "./document.ts";
import { keepAside } from "./kept-bytes.ts";
import { DocumentError, NewerSchemaError, type ParsedDocument, parseDocument } from "./parse-document.ts";
import { accessError, groupFor, makePrivateDirectory, type NewFile, osCode, readRegularFile } from "./safe-file.ts";
import type { Cleared, Store, Unreadable, Update } from "./store.ts";
import { Turnstile } from "./turnstile.ts";

const debug = createDebug("iris-ports:store");

/** The Python tool truncates the file and writes it again in place: half a document may be whole a moment later. */
export const HALF_WRITTEN_MS = 250;
const SWEEP_EVERY = 64;

type FileStoreOptions = {
  readonly path: string;
  /** How long an update waits for the lock, in milliseconds. */
  readonly lockTimeoutMs: number;
  /** Flush each version to the disk before it counts (fsync). */
  readonly isDurable: boolean;
};

/** What was read: the document, the commit that wrote it, and the file's mode and owner, which are kept. */
type Snapshot = NewFile & {
  readonly bytes: Buffer;
  readonly document: RegistryDocument;
  readonly token: CommitToken | undefined;
  /** There was something that is no document: this is the empty one in its place. */
  readonly unreadable?: Unreadable | undefined;
};

const NOTHING = { bytes: Buffer.alloc(0), document: EMPTY_DOCUMENT, token: undefined };

type Change<T> = (document: RegistryDocument, unreadable: Unreadable | undefined) => Promise<Update<T>>;
type Read = () => Promise<Snapshot>;

/** Keeps the document in one JSON file that readers may open at any time. */
export class FileStore implements Store {
  readonly location: string;
  readonly #chain: CommitChain;
  readonly #turnstile: Turnstile;
  readonly #isDurable: boolean;
  #last: Snapshot | undefined;

  constructor(options: FileStoreOptions) {
    this.location = options.path;
    this.#isDurable = options.isDurable;
    this.#chain = new CommitChain(options.path, options.isDurable);
    this.#turnstile = new Turnstile(options.path, this.#chain.directory, options.lockTimeoutMs);
  }

  async read(): Promise<RegistryDocument> {
    return (await this.#guard(() => this.#snapshot(() => this.#turnstile.awaitNeighbour()))).document;
  }

  async update<T>(change: (document: RegistryDocument) => Promise<Update<T>>): Promise<T> {
    return this.#change(change, () => this.#snapshot());
  }

  async replaceUnreadable<T>(change: Change<T>): Promise<T> {
    return this.#change(change, () => this.#snapshotOrEmpty());
  }

  async clearObstacles(): Promise<readonly Cleared[]> {
    return clearObstacles(this.location);
  }

  async #change<T>(change: Change<T>, read: Read): Promise<T> {
    await this.#guard(() => this.#prepareDirectory());
    const done = await this.#turnstile.pass(() => this.#commit(change, read));
    if (done.isChanged && this.#isDurable) await this.#guard(async () => syncDirectory(dirname(this.location)));
    return done.result;
  }

  async #commit<T>(change: Change<T>, read: Read): Promise<Update<T> & { isChanged: boolean }> {
    // The document's own token names the head it was published under, so the usual commit need not look for it.
    const newest = await this.#guard(read);
    let { base, head } = newest.token
      ? { base: newest, head: newest.token }
      : await this.#guard(() => this.#settle(read));
    for (;;) {
      const update = await change(base.document, base.unreadable);
      const document = update.document ?? base.document;
      if (document === base.document && base.unreadable === undefined) return { ...update, isChanged: false };
      if (await this.#guard(() => this.#tryCommit(head, document, base))) return { ...update, isChanged: true };
      ({ base, head } = await this.#guard(() => this.#settle(read)));
    }
  }

  async #tryCommit(from: CommitToken, document: RegistryDocument, base: Snapshot): Promise<boolean> {
    this.#chain.checkDirectory();
    let bytes = base.bytes;
    const bytesOf = (token: CommitToken) => {
      bytes = serializeDocument(document, token);
      return bytes;
    };
    let next: CommitToken;
    try {
      next = this.#chain.prepare(from, bytesOf, base);
    } catch (cause) {
      if (osCode(cause) === "ENOENT") return false;
      throw cause;
    }
    if (!this.#chain.claim(from, next)) return false;
    if (!this.#chain.publish(next) && !(await this.#wasPublished(next))) return false;
    this.#last = { ...base, bytes, document, token: next, unreadable: undefined };
    if (next.revision % SWEEP_EVERY === 0) this.#chain.sweep(next);
    return true;
  }

  /** True where a helper published the claimed version, false where somebody deleted it before. */
  async #wasPublished(token: CommitToken): Promise<boolean> {
    const { token: found } = await this.#snapshot();
    return found !== undefined && found.revision >= token.revision;
  }

  /** Finds the newest version after a commit was refused: publishes one that is pending, makes a first head. */
  async #settle(read: Read): Promise<{ base: Snapshot; head: CommitToken }> {
    for (;;) {
      const head = this.#chain.head();
      if (head === undefined) {
        this.#chain.begin((await read()).token?.revision ?? 0);
        continue;
      }
      if (this.#chain.isPending(head)) this.#chain.publish(head);
      const base = await read();
      if (base.token?.commit === head.commit) return { base, head };
      const again = this.#chain.head();
      if (again?.commit !== head.commit || this.#chain.isPending(head)) continue;
      // Nothing moved and nothing is pending: another tool wrote the document, or somebody restored it. It counts.
      debug("adopting a document that another program wrote at revision %d", head.revision);
      this.#chain.sweep(head);
      return { base, head };
    }
  }

  /** `awaitNeighbour`: for who does not hold the Python tool's lock, and cannot know how far that tool has written. */
  async #snapshot(awaitNeighbour?: () => Promise<void>): Promise<Snapshot> {
    let deadline = performance.now() + HALF_WRITTEN_MS;
    let isNeighbourDone = awaitNeighbour === undefined;
    for (;;) {
      const file = readRegularFile(this.location);
      if (file === undefined) return { ...NOTHING, ...this.#newFile() };
      const { bytes, stat } = file;
      const owner = { mode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid };
      if (this.#last?.bytes.equals(bytes)) return { ...this.#last, ...owner };
      const parsed = this.#parse(bytes);
      if (!(parsed instanceof DocumentError)) {
        this.#last = { ...parsed, bytes, ...owner };
        return this.#last;
      }
      if (performance.now() <= deadline) await delay(5);
      else if (isNeighbourDone) throw this.#corrupt(parsed, bytes);
      else {
        await awaitNeighbour?.();
        isNeighbourDone = true;
        deadline = performance.now();
      }
    }
  }

  /** An unreadable document counts as an empty one as soon as its bytes are safe. */
  async #snapshotOrEmpty(): Promise<Snapshot> {
    try {
      return await this.#snapshot();
    } catch (error) {
      if (!(error instanceof RegistryCorruptError) || error.backupPath === undefined) throw error;
      const { mode, uid, gid } = fs.lstatSync(this.location, { throwIfNoEntry: false }) ?? this.#newFile();
      const unreadable = { reason: error.what, keptAs: error.backupPath };
      return { ...NOTHING, mode: mode & 0o777, uid, gid, unreadable };
    }
  }

  #parse(bytes: Buffer): ParsedDocument | DocumentError {
    try {
      return parseDocument(bytes.toString("utf8"));
    } catch (cause) {
      if (cause instanceof DocumentError) return cause;
      throw cause instanceof NewerSchemaError ? this.#newerSchema(cause) : cause;
    }
  }

  /** A new document is private, unless the directory is shared by a group. */
  #newFile(): NewFile {
    const stat = fs.statSync(dirname(this.location), { throwIfNoEntry: false });
    if (stat === undefined) return { mode: 0o600 };
    return { mode: 0o600 | (stat.mode & 0o020 ? 0o060 : 0), uid: stat.uid, gid: groupFor(stat) };
  }

  async #prepareDirectory(): Promise<void> {
    makePrivateDirectory(dirname(this.location));
    this.#chain.checkDirectory();
  }

  #corrupt(cause: DocumentError, bytes: Buffer): RegistryCorruptError {
    const backupPath = keepAside(this.location, bytes, this.#newFile());
    return new RegistryCorruptError({
      what: `The port registry ${this.location} cannot be read: ${cause.message}.`,
      state:
        backupPath === undefined
          ? "The file was not touched."
          : `The file was not touched; a copy is kept as ${backupPath}.`,
      remedy: `correct the file by hand, or rebuild it from its containers: ${commandText(["doctor", "--repair"], this.location)}`,
      registryPath: this.location,
      backupPath,
      cause,
    });
  }

  #newerSchema(cause: NewerSchemaError): RegistrySchemaError {
    return new RegistrySchemaError({
      what: `The port registry ${this.location} has schema_version ${cause.schemaVersion}, which is newer than this iris-ports understands.`,
      state: "Nothing was touched.",
      remedy: "update iris-ports (npm install iris-ports@latest), or use another file with IRIS_PORT_REGISTRY.",
      registryPath: this.location,
      schemaVersion: cause.schemaVersion,
    });
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof IrisPortsError || osCode(cause) === "") throw cause;
      throw accessError(this.location, (cause as NodeJS.ErrnoException).path ?? this.location, cause);
    }
  }
}

/** Makes the renames durable. Windows cannot open a directory, and has no need to. */
function syncDirectory(path: string): void {
  if (process.platform === "win32") return;
  const fd = fs.openSync(path, "r");
  try {
    fs.fsyncSync(fd);
  } catch (cause) {
    // Some file systems (CIFS, shared folders of virtual machines) know no such thing, and the commit is published.
    if (!["EINVAL", "ENOTSUP", "EOPNOTSUPP"].includes(osCode(cause))) throw cause;
  } finally {
    fs.closeSync(fd);
  }
}
