import fs from "node:fs";
import { dirname } from "node:path";
import type { Change } from "./applied-change.ts";
import { clearObstacles } from "./clear-obstacles.ts";
import { CommitChain } from "./commit-chain.ts";
import type { RegistryDocument } from "./document.ts";
import { DocumentReader } from "./document-reader.ts";
import { FileCommit, type Read } from "./file-commit.ts";
import { NeighbourGate } from "./neighbour-gate.ts";
import { guarded, makePrivateDirectory, osCode } from "./safe-file.ts";
import type { Cleared, Store, Update } from "./store.ts";
import { Turnstile } from "./turnstile.ts";

type FileStoreOptions = {
  readonly path: string;
  /** How long an update waits for the lock, in milliseconds. */
  readonly lockTimeoutMs: number;
  /** Flush each version to the disk before it counts (fsync). */
  readonly isDurable: boolean;
};

/** Keeps the document in one JSON file that readers may open at any time. */
export class FileStore implements Store {
  readonly location: string;
  readonly #chain: CommitChain;
  readonly #reader: DocumentReader;
  readonly #turnstile: Turnstile;
  readonly #timeoutMs: number;
  readonly #isDurable: boolean;

  constructor(options: FileStoreOptions) {
    this.location = options.path;
    this.#isDurable = options.isDurable;
    this.#timeoutMs = options.lockTimeoutMs;
    this.#chain = new CommitChain(options.path, options.isDurable);
    this.#reader = new DocumentReader(options.path);
    this.#turnstile = new Turnstile(options.path, this.#chain.directory, options.lockTimeoutMs);
  }

  async read(): Promise<RegistryDocument> {
    const gate = new NeighbourGate(this.location, this.#timeoutMs);
    try {
      const { document, file } = await guarded(this.location, () => this.#reader.read(() => gate.awaitExit()));
      file?.close();
      return document;
    } finally {
      gate.open();
    }
  }

  async update<T>(change: (document: RegistryDocument) => Promise<Update<T>>): Promise<T> {
    return this.#change(change, (awaitNeighbour) => this.#reader.read(awaitNeighbour));
  }

  async replaceUnreadable<T>(change: Change<T>): Promise<T> {
    return this.#change(change, (awaitNeighbour) => this.#reader.readOrEmpty(awaitNeighbour));
  }

  async clearObstacles(): Promise<readonly Cleared[]> {
    return clearObstacles(this.location);
  }

  async #change<T>(change: Change<T>, read: Read): Promise<T> {
    await guarded(this.location, () => this.#prepareDirectory());
    const done = await this.#turnstile.pass(() => this.#commit(change, read));
    if (done.isChanged && this.#isDurable)
      await guarded(this.location, async () => syncDirectory(dirname(this.location)));
    return done.result;
  }

  async #commit<T>(change: Change<T>, read: Read): Promise<Update<T> & { isChanged: boolean }> {
    const gate = new NeighbourGate(this.location, this.#timeoutMs);
    using commit = new FileCommit(this.location, { chain: this.#chain, reader: this.#reader, gate }, read);
    return await commit.run(change);
  }

  async #prepareDirectory(): Promise<void> {
    makePrivateDirectory(dirname(this.location));
    this.#chain.checkDirectory();
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
