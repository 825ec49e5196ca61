import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { dirname, join } from "node:path";
import createDebug from "debug";
import { osCode } from "../errors/os-code.ts";
import { newToken, successor } from "./commit-name.ts";
import { makeSharedDirectory } from "./directories.ts";
import type { CommitToken } from "./document.ts";
import { fileNames } from "./file-names.ts";
import { asideName, type NewFile, readRegularFile, removeIfThere, renameIfThere, writeNewFile } from "./safe-file.ts";

const debug = createDebug("iris-ports:store");

/**
 * The fence that makes a commit a compare-and-swap without a clock. The directory holds one `head.<revision>.<commit>`,
 * the name of the newest version; a commit renames it to its own, which succeeds for exactly one process per head,
 * because no name is ever used twice. The version itself waits beside it as `data.<revision>.<commit>` and is published
 * by renaming it over the document: by its owner, or by the next process that finds it pending. A process that wakes up
 * late finds its names gone, and writes nothing. A copy of the newest version stays as `copy.<revision>.<commit>`.
 * Anything but a regular file is not ours, whatever its name.
 */
export class CommitChain {
  readonly directory: string;
  readonly #documentPath: string;
  readonly #isDurable: boolean;

  constructor(documentPath: string, isDurable: boolean) {
    this.directory = fileNames(documentPath).commits;
    this.#documentPath = documentPath;
    this.#isDurable = isDurable;
  }

  /** Writes the next version beside the document, which has the token `base`, if any; readers do not see it yet. */
  prepare(
    head: CommitToken,
    base: CommitToken | undefined,
    bytesOf: (token: CommitToken) => Buffer,
    file: NewFile,
  ): CommitToken {
    const next = successor(head, base);
    try {
      const bytes = bytesOf(next);
      writeNewFile(this.#data(next), bytes, file, this.#isDurable);
      // A second file: the Python tool truncates the document in place. Not flushed, because that tool's death, unlike
      // the machine's, leaves it whole.
      writeNewFile(this.#copy(next), bytes, file, false);
    } catch (cause) {
      this.discard(next);
      throw cause;
    }
    return next;
  }

  /** Gives up a prepared version that was not claimed. */
  discard(next: CommitToken): void {
    this.#drop(this.#data(next));
    this.#drop(this.#copy(next));
  }

  /** Makes `next` the newest version if `base` still is; true for exactly one process per base. */
  claim(base: CommitToken, next: CommitToken): boolean {
    if (renameIfThere(this.#head(base), this.#head(next)) && !this.#isOutdated(next)) {
      this.#drop(this.#copy(base));
      return true;
    }
    this.discard(next);
    return false;
  }

  /** True if a newer head lasts beside this one, which has replaced the head of a backup. Drops the older one. */
  #isOutdated(token: CommitToken): boolean {
    if (this.isHead(token)) return false;
    const newest = this.head();
    if (newest === undefined) return false;
    const isThere = this.#heads().some(({ commit }) => commit === token.commit);
    this.sweep(newest);
    return isThere && newest.revision > token.revision;
  }

  /** Makes a claimed version the document; false if another process has done so already. */
  publish(token: CommitToken): boolean {
    return renameIfThere(this.#data(token), this.#documentPath);
  }

  /** Makes the renames of a published version durable. Windows cannot open a directory, and has no need to. */
  flush(): void {
    if (process.platform === "win32") return;
    let fd: number | undefined;
    try {
      fd = fs.openSync(dirname(this.#documentPath), "r");
      fs.fsyncSync(fd);
    } catch (cause) {
      // Some file systems (CIFS, shared folders of virtual machines) do not support it, and a directory of mode 0300
      // cannot be opened: the commit is published all the same.
      if (!["EINVAL", "ENOTSUP", "EOPNOTSUPP", "EACCES"].includes(osCode(cause))) throw cause;
    } finally {
      if (fd !== undefined) fs.closeSync(fd);
    }
  }

  /** True while a claimed version waits to be published. */
  isPending(token: CommitToken): boolean {
    // Not existsSync(): a file that cannot be accessed (EACCES, ESTALE) must not count as missing.
    return fs.lstatSync(this.#data(token), { throwIfNoEntry: false })?.isFile() ?? false;
  }

  /**
   * False for an outdated token: of a version that was replaced meanwhile, or of a backup, even if its head was copied
   * into the directory as well.
   */
  isHead(token: CommitToken): boolean {
    const heads = this.#heads();
    return heads.length === 1 && heads[0]?.commit === token.commit;
  }

  /** The newest version as it was published, whatever has become of the document since; undefined if none is kept. */
  lastVersion(): Buffer | undefined {
    const head = this.head();
    try {
      return head && readRegularFile(this.#copy(head))?.bytes;
    } catch (cause) {
      if (!["EISDIR", "ELOOP", "ENOTREG"].includes(osCode(cause))) throw cause;
      return undefined;
    }
  }

  /** The newest version's token, even while another process renames it; undefined if the directory or the head is missing. */
  head(): CommitToken | undefined {
    // A directory that is read while an entry is renamed may show neither name, or both.
    for (let attempt = 0; attempt < 100; attempt++) {
      const names = this.#names();
      if (names === undefined) return undefined;
      const heads = headsIn(names);
      if (heads.length === 1) return heads[0];
      if (attempt > 10) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      // Two lasting heads come from a restored backup; only the newest counts.
      if (attempt > 50 && heads.length > 1) return heads.reduce((a, b) => (a.revision > b.revision ? a : b));
    }
    return undefined;
  }

  /**
   * Makes a first head above `revision`, unless there is one by now. A prepared directory is renamed into place, so that
   * only one of several processes succeeds.
   */
  begin(revision: number): void {
    const prepared = `${this.directory}.${randomBytes(6).toString("hex")}`;
    const parent = fs.statSync(dirname(this.directory));
    fs.mkdirSync(prepared, { mode: 0o700 });
    try {
      makeSharedDirectory(prepared, parent);
      fs.writeFileSync(join(prepared, headName(newToken(revision))), "");
      this.#moveHeadless();
      renameIfThere(prepared, this.directory);
    } catch (cause) {
      const isTaken = ["ENOTEMPTY", "EEXIST"].includes(osCode(cause));
      // The error of Windows for an existing directory; elsewhere, another user's directory may not be replaced.
      const mayBeTaken = osCode(cause) === "EPERM" && this.head() !== undefined;
      if (!isTaken && !mayBeTaken) throw cause;
    } finally {
      fs.rmSync(prepared, { recursive: true, force: true });
    }
  }

  /** Deletes versions that can no longer be published, and heads: all up to the newest one, except the newest itself. */
  sweep(head: CommitToken): void {
    for (const name of this.#names() ?? []) {
      const token = parseToken(name, "head") ?? parseToken(name, "data") ?? parseToken(name, "copy");
      if (token !== undefined && token.revision <= head.revision && token.commit !== head.commit)
        this.#drop(join(this.directory, name));
    }
  }

  /** Checks the directory. @throws with code ELOOP or ENOTDIR when something else is in its place */
  checkDirectory(): void {
    const stat = fs.lstatSync(this.directory, { throwIfNoEntry: false });
    if (stat === undefined || stat.isDirectory()) return;
    const code = stat.isSymbolicLink() ? "ELOOP" : "ENOTDIR";
    throw Object.assign(new Error(`${this.directory} is not a directory`), { code, path: this.directory });
  }

  #names(): string[] | undefined {
    try {
      return fs.readdirSync(this.directory, { withFileTypes: true }).flatMap((it) => (it.isFile() ? [it.name] : []));
    } catch (cause) {
      if (osCode(cause) === "ENOENT") return undefined;
      throw cause;
    }
  }

  #heads(): readonly CommitToken[] {
    return headsIn(this.#names() ?? []);
  }

  /** Moves a directory that lost its head aside, so that a prepared one can take its place. */
  #moveHeadless(): void {
    const names = this.#names();
    if (names !== undefined && headsIn(names).length === 0) renameIfThere(this.directory, asideName(this.directory));
  }

  /** Removes what is of no use any more; that it could not be removed is no failure of a commit. */
  #drop(path: string): void {
    try {
      removeIfThere(path);
    } catch (cause) {
      debug("%s was not removed: %o", path, cause);
    }
  }

  #head(token: CommitToken): string {
    return join(this.directory, headName(token));
  }

  #copy(token: CommitToken): string {
    return join(this.directory, `copy.${token.revision}.${token.commit}`);
  }

  #data(token: CommitToken): string {
    return join(this.directory, `data.${token.revision}.${token.commit}`);
  }
}

function headName(token: CommitToken): string {
  return `head.${token.revision}.${token.commit}`;
}

function headsIn(names: readonly string[]): readonly CommitToken[] {
  return names.map((name) => parseToken(name, "head")).filter((token) => token !== undefined);
}

/** Parses a name in the commit directory; undefined for names of another kind. */
export function parseToken(name: string, kind: "head" | "data" | "copy"): CommitToken | undefined {
  const match = /^(head|data|copy)\.(\d{1,15})\.([0-9a-f]{1,64})$/.exec(name);
  return match?.[1] === kind ? { revision: Number(match[2]), commit: match[3] as string } : undefined;
}
