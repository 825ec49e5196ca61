import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import { RegistryAccessError } from "../errors/errors.ts";
import { osCode } from "../errors/os-code.ts";
import { commandText } from "../settings/command-text.ts";
import { guarded, publishedError } from "./access-errors.ts";
import { adoptDocument, isNewer } from "./adopt-document.ts";
import {
  applied,
  type Change,
  isDone,
  NOTHING_PENDING,
  type Overtaken,
  type Pending,
  stillPending,
} from "./applied-change.ts";
import type { CommitChain } from "./commit-chain.ts";
import { isBuiltOn } from "./commit-name.ts";
import { type CommitToken, type RegistryDocument, serializeDocument } from "./document.ts";
import { DocumentError } from "./document-error.ts";
import type { DocumentReader, Snapshot } from "./document-reader.ts";
import { keepAside } from "./kept-bytes.ts";
import { isLasting } from "./lasting.ts";
import type { NeighbourGate } from "./neighbour-gate.ts";
import { type OpenFile, replacedAreClosed } from "./open-file.ts";
import { parseDocument } from "./parse-document.ts";
import { createFile } from "./safe-file.ts";
import type { Update } from "./store.ts";

const debug = createDebug("iris-ports:store");

const SWEEP_EVERY = 64;
/** The Python tool writes an empty document, without its lock, if it saw none a moment before. */
const FIRST_WRITE_MS = 15;
const FIRST_DOCUMENT = Buffer.from('{\n  "schema_version": "1.0",\n  "assignments": [],\n  "iris_ports": {}\n}\n');

/** Reads the document; the argument waits until the Python tool has finished writing. */
export type Read = (awaitNeighbour: () => Promise<void>) => Promise<Snapshot>;
/** The version on which a commit is built. `isAdopted`: it took the place of our last version, and is not the file's content. */
type Base = Snapshot & { readonly isAdopted?: true };
/** That version, and the head that it replaces. */
type Ground = { readonly base: Base; readonly head: CommitToken };
/** The update, and whether what was published concerns more than processes of this boot. */
type Done<T> = Update<T> & { readonly isLasting: boolean };
/** One commit: reads, applies the change, publishes and checks, and starts over if another commit came first. */
export class FileCommit implements Disposable {
  readonly #location: string;
  readonly #chain: CommitChain;
  readonly #reader: DocumentReader;
  readonly #gate: NeighbourGate;
  readonly #readSnapshot: Read;
  readonly #opened: Snapshot[] = [];

  constructor(
    location: string,
    parts: { readonly chain: CommitChain; readonly reader: DocumentReader; readonly gate: NeighbourGate },
    readSnapshot: Read,
  ) {
    this.#location = location;
    this.#chain = parts.chain;
    this.#reader = parts.reader;
    this.#gate = parts.gate;
    this.#readSnapshot = readSnapshot;
  }

  /** Runs until the change is published. */
  async run<T>(change: Change<T>): Promise<Done<T>> {
    const done = await this.#run(change, false);
    if (done === undefined) throw new Error("a commit that is tried until it succeeds has ended without a result");
    return done;
  }

  /** Makes one attempt; undefined if another commit came first. */
  async tryOnce<T>(change: Change<T>): Promise<Done<T> | undefined> {
    return this.#run(change, true);
  }

  async #run<T>(change: Change<T>, isOneAttempt: boolean): Promise<Done<T> | undefined> {
    let ground = await this.#firstGround();
    let pending: Pending<T> = NOTHING_PENDING;
    let isAnyLasting = false;
    for (;;) {
      const { base, head } = ground;
      const next = await applied(change, base, pending);
      if (next.document === base.document && !mustBeWritten(base)) return { ...next.update, isLasting: isAnyLasting };
      const published = await this.#publish(head, next.document, base);
      if (published === undefined) {
        if (isOneAttempt && pending === NOTHING_PENDING) return undefined;
        ground = await guarded(this.#location, () => this.#settle());
        continue;
      }
      isAnyLasting ||= isLasting(base.document, next.document);
      const overtaken = await this.#overtaken(base);
      pending = overtaken ? stillPending(pending, { ...next, base, ...published }, overtaken) : NOTHING_PENDING;
      if (overtaken === undefined || isDone(pending)) return { ...next.update, isLasting: isAnyLasting };
      this.#gate.noteActivity();
      debug("the Python tool wrote at the same time as revision %d", published.revision);
      ground = { base: overtaken.newest, head: published };
    }
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#opened) file?.closeAside();
    this.#gate.open();
  }

  #shut(state?: () => string): Promise<boolean> {
    return guarded(this.#location, () => this.#gate.shut(state));
  }

  async #read(): Promise<Snapshot> {
    const snapshot = await guarded(this.#location, () => this.#readSnapshot(() => this.#gate.awaitExit()));
    this.#opened.push(snapshot);
    return snapshot;
  }

  async #firstGround(): Promise<Ground> {
    await this.#shut();
    const ground = await this.#begin();
    return this.#gate.noteWriter(ground.base.bytes) && (await this.#shut()) ? this.#begin() : ground;
  }

  async #begin(): Promise<Ground> {
    const base = await this.#read();
    // The document's own token names the head it was published under, so the usual commit need not search for it.
    const head = base.token;
    return guarded(this.#location, async () => (head && this.#chain.isHead(head) ? { base, head } : this.#settle()));
  }

  /** Undefined if the base version is no longer the newest. */
  async #publish(head: CommitToken, document: RegistryDocument, base: Snapshot): Promise<CommitToken | undefined> {
    if (base.file === undefined) {
      // An empty document first, because the Python tool may also write an empty one, which must replace nothing.
      await guarded(this.#location, async () => createFile(this.#location, FIRST_DOCUMENT));
      await delay(FIRST_WRITE_MS);
      return undefined;
    }
    const { file, bytes } = base;
    if (base.isDamaged && bytes.toString().trim() !== "") keepAside(this.#location, bytes, base);
    return guarded(this.#location, () => this.#commit(head, document, base, file));
  }

  async #commit(
    from: CommitToken,
    document: RegistryDocument,
    base: Snapshot,
    file: OpenFile,
  ): Promise<CommitToken | undefined> {
    this.#chain.checkDirectory();
    let bytes = base.bytes;
    const bytesOf = (token: CommitToken) => {
      bytes = serializeDocument(document, token);
      return bytes;
    };
    let next: CommitToken;
    try {
      next = this.#chain.prepare(from, base.token, bytesOf, base);
    } catch (cause) {
      if (osCode(cause) === "ENOENT") return undefined;
      // The file system may not have freed the space of a version that this process replaced.
      if (["ENOSPC", "EDQUOT"].includes(osCode(cause)) && (await replacedAreClosed()))
        return this.#commit(from, document, base, file);
      throw cause;
    }
    await this.#shut();
    // As late as possible: later writes of the Python tool to the old file are found only afterwards.
    if (file.changedBytes() !== undefined) {
      this.#gate.noteActivity();
      this.#chain.discard(next);
      return undefined;
    }
    if (!this.#chain.claim(from, next)) return undefined;
    if (!this.#chain.publish(next) && !(await this.#wasPublished(next))) return undefined;
    const { mode, uid, gid } = base;
    this.#reader.remember({ mode, uid, gid, bytes, document, token: next });
    if (next.revision % SWEEP_EVERY === 0) this.#chain.sweep(next);
    return next;
  }

  /** True if another process published the claimed version, false if it was deleted before. */
  async #wasPublished(token: CommitToken): Promise<boolean> {
    const { token: found } = await this.#read();
    return found !== undefined && isBuiltOn(found, token);
  }

  /**
   * After publication and before it is acknowledged: whether the Python tool, which writes in place and knows nothing of
   * our commits, was at work on the version that was replaced. Undefined if it was kept out.
   *
   * Either it wrote into the old file, which no longer has a name, or over the new one what it had made of the old
   * version. Both end before it gives its lock back: so once its lock is free, after the publication, both files show
   * it, and everything it does later is based on the new version.
   */
  async #overtaken(base: Snapshot): Promise<Overtaken | undefined> {
    if (this.#gate.isShut) return undefined;
    await this.#shut(
      () =>
        `The change was written, but that tool may overwrite it; \`${commandText(["list"], this.#location)}\` shows what the registry holds.`,
    );
    try {
      const last = () => this.#chain.lastVersion()?.toString();
      const theirs = await guarded(this.#location, async () => parseVersion(base.file?.changedBytes(), last));
      return { theirs, newest: await this.#read() };
    } catch (cause) {
      if (!(cause instanceof RegistryAccessError) && osCode(cause) === "") throw cause;
      throw publishedError(this.#location, "it could not be checked whether another tool overwrote the change", cause);
    }
  }

  /** Finds the newest version after a commit was refused; publishes a pending version, and makes a first head. */
  async #settle(): Promise<Ground> {
    for (;;) {
      const head = this.#chain.head();
      if (head === undefined) {
        this.#chain.begin((await this.#read()).token?.revision ?? 0);
        continue;
      }
      this.#chain.sweep(head);
      if (this.#chain.isPending(head) && !isNewer(await this.#read(), head)) this.#chain.publish(head);
      const base = await this.#read();
      if (base.token?.commit === head.commit) return { base, head };
      const again = this.#chain.head();
      if (again?.commit !== head.commit || (this.#chain.isPending(head) && !isNewer(base, head))) continue;
      // Nothing moved, so another tool wrote the document, or a backup was restored.
      return { base: this.#adopted(base, head), head };
    }
  }

  #adopted(base: Snapshot, head: CommitToken): Base {
    debug("adopting a document that another program wrote at revision %d", head.revision);
    // The empty document that stands for an unreadable one is empty on purpose: the registry is being rebuilt.
    const last = base.unreadable ? undefined : parseVersion(this.#chain.lastVersion());
    if (last === undefined) return base;
    return { ...base, document: adoptDocument(base.document, last, isNewer(base, head)), isAdopted: true };
  }
}

/** True if the file does not contain the document that stands for it. */
function mustBeWritten({ unreadable, isDamaged, isAdopted }: Base): boolean {
  return unreadable !== undefined || isDamaged === true || isAdopted === true;
}

/** A version beside the document; undefined if there is none, or if a killed process left an incomplete one. */
export function parseVersion(
  bytes: Buffer | undefined,
  lastVersion?: () => string | undefined,
): RegistryDocument | undefined {
  if (bytes === undefined) return undefined;
  try {
    return parseDocument(bytes.toString("utf8"), lastVersion).document;
  } catch (cause) {
    if (!(cause instanceof DocumentError)) throw cause;
    debug("a version beside the document is not complete: %s", cause.message);
    return undefined;
  }
}
