import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { dirname } from "node:path";
import { IrisPortsError } from "../errors/base.ts";
import { RegistryAccessError } from "../errors/errors.ts";
import { commandText } from "../settings/command-text.ts";

/** The error code of the operating system, e.g. `ENOENT`; empty if the cause carries none. */
export function osCode(cause: unknown): string {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? code : "";
}

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

/** Makes a directory of the registry, and those above it that are missing, unless it is there. */
export function makePrivateDirectory(path: string): void {
  // With `sudo` it must not lock out the user in whose home it is created.
  makeDirectories(path, 0o700, (made) => makeLikeParent(made, fs.statSync(dirname(made))));
}

/**
 * Makes a directory, and those above it that are missing, unless it is there. Not by mkdir's own recursion: where the
 * system says ENOENT below a directory that exists (/proc/x) Node never returns, and it takes EROFS for ENOENT.
 */
export function makeDirectories(path: string, mode: number, onMade: (made: string) => void = () => {}): void {
  const missing: string[] = [];
  for (let at = path; fs.statSync(at, { throwIfNoEntry: false }) === undefined; at = dirname(at)) missing.push(at);
  for (const made of missing.reverse()) {
    try {
      fs.mkdirSync(made, { mode });
    } catch (cause) {
      // Another process has just made it.
      if (osCode(cause) === "EEXIST" && fs.statSync(made, { throwIfNoEntry: false })?.isDirectory()) continue;
      throw cause;
    }
    onMade(made);
  }
}

/**
 * A file that root creates belongs to the owner of its directory, and a file that a member creates in a group-writable
 * directory belongs to the group.
 */
export function makeLikeParent(directory: string, parent: fs.Stats): void {
  if (process.platform === "win32") return;
  const fd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW);
  try {
    changeOwner(fd, fs.fstatSync(fd), { uid: parent.uid, gid: groupFor(parent) });
  } finally {
    fs.closeSync(fd);
  }
}

/** Gives a new directory the owner of its parent and, if a group shares the parent, the group's rights. */
export function makeSharedDirectory(made: string, parent: fs.Stats): void {
  makeLikeParent(made, parent);
  const shared = parent.mode & 0o070;
  if (shared !== 0) changeMode(made, (fs.statSync(made).mode & 0o7700) | shared);
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

/** Removes a file; a missing file is not an error. */
export function removeIfThere(path: string): void {
  // Not rmSync(), which looks at the file twice before it removes it.
  try {
    fs.unlinkSync(path);
  } catch (cause) {
    if (osCode(cause) !== "ENOENT") throw cause;
  }
}

/** Runs an access to the registry's files; errors of the system become a {@link RegistryAccessError}. */
export async function guarded<T>(registryPath: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof IrisPortsError || osCode(cause) === "") throw cause;
    throw accessError(registryPath, (cause as NodeJS.ErrnoException).path ?? registryPath, cause);
  }
}

/** Explains why a file of the registry could not be used, and how to fix it. */
export function accessError(registryPath: string, path: string, cause: unknown): RegistryAccessError {
  const code = osCode(cause);
  const [state, remedy] = EXPLANATIONS[code] ?? [
    `The system says: ${cause instanceof Error ? cause.message : String(cause)}`,
    "check the path, or point IRIS_PORT_REGISTRY to a file in a directory that you can write.",
  ];
  return new RegistryAccessError({
    what: `The port registry ${registryPath} cannot be used (${code || "error"} at ${path}).`,
    state,
    remedy:
      typeof remedy === "string" ? remedy : remedy(commandText(["doctor", "--repair"], registryPath), registryPath),
    registryPath,
    cause,
  });
}

/** For a failure after the change was published, which must not sound as if nothing had happened. */
export function publishedError(registryPath: string, problem: string, cause: unknown): RegistryAccessError {
  const system = cause instanceof RegistryAccessError ? cause.cause : cause;
  return new RegistryAccessError({
    what: `The port registry ${registryPath} was changed, but ${problem} (${osCode(system) || "error"}).`,
    state: "The change holds, unless the machine fails or another tool writes what it read before.",
    remedy: `check the disk; see what the registry holds: ${commandText(["list"], registryPath)}`,
    registryPath,
    cause,
  });
}

const ELSEWHERE = "or point IRIS_PORT_REGISTRY to a file in a directory that you can write.";
const EXPLANATIONS: Readonly<
  Record<string, readonly [state: string, remedy: string | ((repair: string, registryPath: string) => string)]>
> = {
  EACCES: [
    "This user may not read or write it. Nothing was changed.",
    `give this user access to the file and its directory, ${ELSEWHERE}`,
  ],
  EPERM: [
    "The system does not permit it for this user. Nothing was changed.",
    `check the owner and attributes of the file and its directory, ${ELSEWHERE}`,
  ],
  EROFS: ["The file system is read-only. Nothing was changed.", `make it writable, ${ELSEWHERE}`],
  ENOSPC: ["No space is left on the file system. The registry is as it was.", `free some space, ${ELSEWHERE}`],
  EDQUOT: ["The disk quota is used up. The registry is as it was.", `free some space, ${ELSEWHERE}`],
  EISDIR: ["It is a directory, not a file.", "set IRIS_PORT_REGISTRY to the path of a file."],
  // Said by mkdir where the directory above exists.
  ENOENT: [
    "The system makes no file there, as below /proc and /dev/fd, or the directory was removed. Nothing was changed.",
    `correct the registry's path, ${ELSEWHERE}`,
  ],
  ENOTDIR: [
    "A file or a link is where a directory is needed. Nothing was changed.",
    (repair, path) =>
      fs.statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory()
        ? `move aside what is in the place of a lock or commit directory: ${repair}`
        : `correct the registry's path, ${ELSEWHERE}`,
  ],
  ENOTEMPTY: [
    "A lock is an empty directory, but this one holds files. Nothing was changed.",
    (repair) => `move it aside: ${repair}`,
  ],
  ENOTREG: ["It is a device, socket or pipe, not a file.", "set IRIS_PORT_REGISTRY to the path of a file."],
  ELOOP: [
    "It is a symbolic link, and the registry never follows one. Nothing was read or written through it.",
    (repair) => `set IRIS_PORT_REGISTRY to the file it points to, or move the link aside: ${repair}`,
  ],
  ENAMETOOLONG: ["The path is too long for the file system.", "set IRIS_PORT_REGISTRY to a shorter path."],
};
