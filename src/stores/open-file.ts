import fs from "node:fs";
import { type NewFile, openToRead, readBytes } from "./safe-file.ts";

/** Two writes within one tick of the file system's clock have the same time; a tick is shorter than this on every system. */
const TICK_MS = 10_000;

/**
 * A regular file that was read and is kept open, so that later writes of other programs are noticed even after a new version
 * has taken its name.
 */
export class OpenFile {
  readonly bytes: Buffer;
  readonly owner: NewFile;
  readonly #fd: number;
  readonly #stat: fs.Stats;

  constructor(fd: number, stat: fs.Stats) {
    this.#fd = fd;
    this.#stat = stat;
    this.bytes = readBytes(fd, stat.size);
    this.owner = { mode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid };
  }

  /** Undefined if there is no such file. */
  static open(path: string): OpenFile | undefined {
    const opened = openToRead(path);
    if (opened === undefined) return undefined;
    try {
      return new OpenFile(opened.fd, opened.stat);
    } catch (cause) {
      fs.closeSync(opened.fd);
      throw cause;
    }
  }

  /** What another program has written into it since it was read; undefined if nothing has changed. */
  changedBytes(): Buffer | undefined {
    const { size, mtimeMs } = fs.fstatSync(this.#fd);
    const isSame = size === this.#stat.size && mtimeMs === this.#stat.mtimeMs;
    if (isSame && Math.abs(Date.now() - mtimeMs) > TICK_MS) return undefined;
    const now = readBytes(this.#fd, size);
    return now.equals(this.bytes) ? undefined : now;
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}
