import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { dirname } from "node:path";
import { osCode } from "../errors/os-code.ts";

// O_NONBLOCK: opening a planted FIFO must not hang. Windows has neither flag: undefined counts as 0.
const READ_FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

/** Opens a regular file, never through a symbolic link at its last name; undefined if there is none. */
export function openToRead(path: string): { fd: number; stat: fs.Stats } | undefined {
  let fd: number;
  try {
    fd = fs.openSync(path, READ_FLAGS);
  } catch (cause) {
    if (osCode(cause) === "ENOENT") return undefined;
    throw cause;
  }
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile())
      throw Object.assign(new Error("not a regular file"), { code: stat.isDirectory() ? "EISDIR" : "ENOTREG" });
    return { fd, stat };
  } catch (cause) {
    fs.closeSync(fd);
    throw cause;
  }
}

/** The bytes of a regular file, opened like {@link openToRead}. */
export function readRegularFile(path: string): { bytes: Buffer; stat: fs.Stats } | undefined {
  const opened = openToRead(path);
  if (opened === undefined) return undefined;
  try {
    return { bytes: readBytes(opened.fd, opened.stat.size), stat: opened.stat };
  } finally {
    fs.closeSync(opened.fd);
  }
}

/** The bytes of an open file that has this size. Not readFileSync(), which looks for the size again. */
export function readBytes(fd: number, size: number): Buffer {
  // The files of /proc say 0.
  if (size === 0) return fs.readFileSync(fd);
  const bytes = Buffer.allocUnsafe(size);
  let length = 0;
  for (let read = -1; read !== 0 && length < size; length += read)
    read = fs.readSync(fd, bytes, length, size - length, length);
  return bytes.subarray(0, length);
}

const chunk = Buffer.allocUnsafe(65_536);

/** True if an open file of that size has exactly these bytes. A large document is compared without a copy of it. */
export function hasBytes(fd: number, size: number, bytes: Buffer): boolean {
  let length = size === bytes.length ? 0 : size;
  for (let read = -1; read !== 0 && length < size; length += read) {
    read = fs.readSync(fd, chunk, 0, Math.min(chunk.length, size - length), length);
    if (read > 0 && chunk.compare(bytes, length, length + read, 0, read) !== 0) return false;
  }
  return length === bytes.length;
}

/** The mode, owner and group of a new file. Only root sets the owner, so that the registry's owner is not locked out. */
export type NewFile = { readonly mode: number; readonly uid?: number | undefined; readonly gid?: number | undefined };

/** Writes a file that must not exist, with exactly this mode, and with the owner and group if the system permits. */
export function writeNewFile(path: string, content: Buffer, owner: NewFile, isDurable: boolean): void {
  const fd = fs.openSync(path, "wx", owner.mode);
  try {
    const stat = fs.fstatSync(fd);
    changeOwner(fd, stat, owner);
    if ((stat.mode & 0o777) !== owner.mode) changeMode(fd, owner.mode);
    writeAll(fd, content);
    if (isDurable) fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** The access of a new file of a registry: only this user, unless a group shares the directory. */
export function newFileIn(directory: string): NewFile {
  const stat = fs.statSync(directory, { throwIfNoEntry: false });
  if (stat === undefined) return { mode: 0o600 };
  return { mode: 0o600 | (stat.mode & 0o020 ? 0o060 : 0), uid: stat.uid, gid: groupFor(stat) };
}

/** Creates a file with its content in one step, unless the name exists. */
export function createFile(path: string, content: Buffer): void {
  if (fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  const prepared = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    writeNewFile(prepared, content, newFileIn(dirname(path)), false);
    fs.linkSync(prepared, path);
  } catch (cause) {
    if (osCode(cause) === "EEXIST") return;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"].includes(osCode(cause))) throw cause;
    // A file system without links.
    if (fs.lstatSync(path, { throwIfNoEntry: false }) === undefined) fs.renameSync(prepared, path);
  } finally {
    removeIfThere(prepared);
  }
}

/** Sets the mode of a new file; a file system without modes (vfat, a Windows share) keeps its own. */
export function changeMode(made: number | string, mode: number): void {
  try {
    if (typeof made === "number") fs.fchmodSync(made, mode);
    else fs.chmodSync(made, mode);
  } catch (cause) {
    // The creator may set the mode wherever modes exist.
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP"].includes(osCode(cause))) throw cause;
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) written += fs.writeSync(fd, bytes, written);
}

/** Sets the owner and group of a new file, as far as the system permits. */
export function changeOwner(fd: number, made: fs.Stats, owner: Omit<NewFile, "mode">): void {
  const uid = isRoot() ? (owner.uid ?? made.uid) : made.uid;
  const gid = owner.gid ?? made.gid;
  if (uid === made.uid && gid === made.gid) return;
  try {
    fs.fchownSync(fd, uid, gid);
  } catch (cause) {
    // Not a member of the group, or no such user in this container: the file keeps its creator's, as any other file does.
    if (!["EPERM", "EINVAL"].includes(osCode(cause))) throw cause;
  }
}

/** The group that shares new files of a directory; undefined if none does. */
export function groupFor({ mode, gid }: fs.Stats): number | undefined {
  return isRoot() || mode & 0o020 ? gid : undefined;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

// Windows gives these errors while a scanner or another process briefly has the file open.
const BUSY_CODES = ["EPERM", "EBUSY", "EACCES"];
const BUSY_RETRIES = process.platform === "win32" ? 20 : 0;

/** Renames; false if the source is gone, because another process won the race. */
export function renameIfThere(from: string, to: string): boolean {
  for (let attempt = 0; ; attempt++) {
    try {
      fs.renameSync(from, to);
      return true;
    } catch (cause) {
      if (osCode(cause) === "ENOENT") return false;
      if (attempt >= BUSY_RETRIES || !BUSY_CODES.includes(osCode(cause))) throw cause;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** The name under which something that is in the way is kept. */
export function asideName(path: string): string {
  return `${path}.aside-${randomBytes(4).toString("hex")}`;
}

/** Removes a file; a missing file is not an error. */
export function removeIfThere(path: string): void {
  // Not rmSync(), which looks at the file twice before it removes it.
  try {
    fs.unlinkSync(path);
  } catch (cause) {
    if (osCode(cause) !== "ENOENT") throw cause;
  }
}
