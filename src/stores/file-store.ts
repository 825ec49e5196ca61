import { dirname } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { osCode } from "../errors/os-code.ts";
import { guarded, publishedError } from "./access-errors.ts";
import { adoptDocument, isNewer } from "./adopt-document.ts";
import type { Change } from "./applied-change.ts";
import { clearObstacles } from "./clear-obstacles.ts";
import { CommitChain } from "./commit-chain.ts";
import { makePrivateDirectory } from "./directories.ts";
import type { CommitToken, RegistryDocument } from "./document.ts";
import { DocumentReader, type ReadOptions } from "./document-reader.ts";
import { FileCommit, parseVersion, type Read } from "./file-commit.ts";
import { isNeighbourNear, NeighbourGate } from "./neighbour-gate.ts";
import type { Cleared, Store, Update, UpdateOptions } from "./store.ts";
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
    this.#reader = new DocumentReader(options.path, this.#chain);
    this.#turnstile = new Turnstile(options.path, this.#chain.directory, options.lockTimeoutMs);
  }

  async read({ isForChange = false } = {}): Promise<RegistryDocument> {
    const gate = new NeighbourGate(this.location, this.#timeoutMs);
    try {
      return await guarded(this.location, () =>
        this.#readNewest({ awaitNeighbour: () => gate.awaitExit(), isForChange }),
      );
    } finally {
      gate.open();
    }
  }

  /**
   * The current document: that of a commit even before it is published. If another program replaced our last version: that
   * document merged with our version, which is what the next change will be based on.
   */
  async #readNewest(options: ReadOptions): Promise<RegistryDocument> {
    for (let seen: string | undefined; ; ) {
      const { document, token, file } = await this.#reader.read(options);
      file?.close();
      const { head, isPending } = this.#newest(token);
      if (head === undefined || head.commit === token?.commit) return document;
      // Seen once, the difference may come from a commit between the two reads; only a second look proves it.
      if (isPending || head.commit === seen) {
        const last = parseVersion(this.#chain.lastVersion());
        if (last === undefined) return document;
        return isPending ? last : adoptDocument(document, last, isNewer({ token }, head));
      }
      seen = head.commit;
    }
  }

  /** No head if the commits cannot be read: reading does not fail for that. */
  #newest(token: CommitToken | undefined): { readonly head?: CommitToken | undefined; readonly isPending?: boolean } {
    try {
      const head = this.#chain.head();
      if (head === undefined || head.commit === token?.commit) return { head };
      return { head, isPending: !isNewer({ token }, head) && this.#chain.isPending(head) };
    } catch (cause) {
      if (osCode(cause) === "") throw cause;
      return {};
    }
  }

  async update<T>(change: (document: RegistryDocument) => Promise<Update<T>>, options: UpdateOptions = {}): Promise<T> {
    return this.#change(
      change,
      (awaitNeighbour) => this.#reader.read({ awaitNeighbour, isForChange: true }),
      options.isLockOptional,
    );
  }

  async replaceUnreadable<T>(change: Change<T>): Promise<T> {
    return this.#change(change, (awaitNeighbour) => this.#reader.readOrEmpty({ awaitNeighbour, isForChange: false }));
  }

  async clearObstacles({ isForced = false } = {}): Promise<readonly Cleared[]> {
    return clearObstacles(this.location, isForced);
  }

  async #change<T>(change: Change<T>, read: Read, isLockOptional = false): Promise<T> {
    await guarded(this.location, () => this.#prepareDirectory());
    // As in the turnstile: a commit without the lock would never let the event loop turn.
    if (isLockOptional) await nextTurn();
    // One attempt: the commit chain decides, and only the loser needs the lock. Beside the Python tool, which no chain
    // fences, one commit has to be made sure of before the next.
    const tried =
      isLockOptional && this.#turnstile.isPassable && !isNeighbourNear(this.location)
        ? await this.#commit((commit) => commit.tryOnce(change), read)
        : undefined;
    const done = tried ?? (await this.#turnstile.pass(() => this.#commit((commit) => commit.run(change), read)));
    if (done.isLasting && this.#isDurable) this.#flush();
    return done.result;
  }

  async #commit<R>(work: (commit: FileCommit) => Promise<R>, read: Read): Promise<R> {
    const gate = new NeighbourGate(this.location, this.#timeoutMs);
    using commit = new FileCommit(this.location, { chain: this.#chain, reader: this.#reader, gate }, read);
    return await work(commit);
  }

  /** What was published holds from then on: a failure must not sound as if nothing had happened. */
  #flush(): void {
    try {
      this.#chain.flush();
    } catch (cause) {
      throw publishedError(this.location, "the change could not be flushed to the disk", cause);
    }
  }

  async #prepareDirectory(): Promise<void> {
    makePrivateDirectory(dirname(this.location));
    this.#chain.checkDirectory();
  }
}
