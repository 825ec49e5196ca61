import fs from "node:fs";
import { promisify } from "node:util";
import createDebug from "debug";
import { hasBytes, type NewFile, openToRead, readBytes } from "./safe-file.ts";

const debug = createDebug("iris-ports:store");

const closeFile = promisify(fs.close);

/** Two writes within one tick of the file system's clock have the same time; a tick is shorter than this on every system. */
const TICK_MS = 10_000;

/** Replaced files that are being closed. */
const closing = new Set<Promise<void>>();

/**
 * A regular file that was read and is kept open, so that later writes of other programs are noticed even after a new version
 * has taken its name.
 */
export class OpenFile {
  readonly bytes: Buffer;
  readonly owner: NewFile;
  readonly #fd: number;
  readonly #stat: fs.Stats;

  private constructor(fd: number, stat: fs.Stats, known: Buffer | undefined) {
    this.#fd = fd;
    this.#stat = stat;
    this.bytes = known !== undefined && hasBytes(fd, stat.size, known) ? known : readBytes(fd, stat.size);
    this.owner = { mode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid };
  }

  /**
   * Undefined if there is no such file.
   * @param known the expected content; if the file has it, `bytes` is this same buffer
   */
  static open(path: string, known?: Buffer): OpenFile | undefined {
    const opened = openToRead(path);
    if (opened === undefined) return undefined;
    try {
      return new OpenFile(opened.fd, opened.stat, known);
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
    return hasBytes(this.#fd, size, this.bytes) ? undefined : readBytes(this.#fd, size);
  }

  close(): void {
    fs.closeSync(this.#fd);
  }

  /**
   * Closes the file on another thread. The last close of a replaced file frees its blocks on the disk, and waits while the
   * system is still writing them.
   */
  closeAside(): void {
    // Windows may keep the name of an open file from others.
    const close = process.platform === "win32" ? async (fd: number) => fs.closeSync(fd) : closeFile;
    const closed = close(this.#fd)
      .catch((cause) => debug("a replaced version was not closed: %o", cause))
      .finally(() => closing.delete(closed));
    closing.add(closed);
  }
}

/** Waits until replaced files have freed their space; false if there were none. */
export async function replacedAreClosed(): Promise<boolean> {
  const count = closing.size;
  await Promise.all(closing);
  return count > 0;
}
