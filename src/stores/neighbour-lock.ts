import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import createDebug from "debug";
import { RegistryAccessError } from "../errors/errors.ts";
import { osCode } from "../errors/os-code.ts";
import { shellQuoted } from "../settings/command-text.ts";
import { fileNames } from "./file-names.ts";
import { isFlocked } from "./flock-table.ts";
import { createFile } from "./safe-file.ts";

const debug = createDebug("iris-ports:neighbour");

/** Commands that take a flock(2) on descriptor 3 and leave it locked when they end; the first installed one is used. */
const LOCKERS: readonly (readonly [command: string, args: (timeoutS: number) => readonly string[]])[] = [
  ["flock", (timeoutS) => ["--exclusive", "--wait", String(timeoutS), "3"]],
  ["perl", (timeoutS) => ["-e", `alarm ${timeoutS}; open(my $f, "<&=", 3) or die; flock($f, 2) or die`]],
  ["python3", (timeoutS) => ["-c", `import fcntl, signal; signal.alarm(${timeoutS}); fcntl.flock(3, fcntl.LOCK_EX)`]],
];
let found: (typeof LOCKERS)[number] | "none" | undefined;

/** The Python tool held its lock for longer than the time-out. */
export class NeighbourBusyError extends Error {}

/** The Python tool's lock, held by this process. */
export type NeighbourLock = {
  /** False after the file was removed or replaced; the tool then locks another one. */
  isAtPath(): boolean;
  release(): void;
};

/**
 * True if the Python tool may be writing the document now: its lock file exists (releases 3.20.4 to 3.29 of filelock remove
 * it on release), and the kernel does not report it as free.
 */
export function mayBeInside(documentPath: string): boolean {
  if (process.platform === "win32") return false;
  const path = fileNames(documentPath).neighbourLock;
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && isFlocked(path, stat) !== false;
}

/**
 * Takes the Python tool's lock; undefined if no command of this system can take it. A missing file is created, as the tool
 * does. It is never removed: older releases of filelock would not notice that, and admit two processes. The lock belongs to
 * the open file, not to the command that took it, so it ends with this process at the latest.
 * @throws NeighbourBusyError, RegistryAccessError
 */
export async function lockNeighbour(documentPath: string, timeoutMs: number): Promise<NeighbourLock | undefined> {
  const path = fileNames(documentPath).neighbourLock;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const lock = await tryLock(documentPath, path, deadline - performance.now());
    if (lock === undefined || lock.isAtPath()) return lock;
    // The file was removed meanwhile; the tool now locks a new one.
    lock.release();
  }
}

async function tryLock(documentPath: string, path: string, timeoutMs: number): Promise<NeighbourLock | undefined> {
  let fd: number | undefined;
  try {
    fd = openLock(path);
    if (fd === undefined) return undefined;
    if (await takeLock(fd, Math.max(1, Math.ceil(timeoutMs / 1_000)))) return lockOn(fd, path);
    fs.closeSync(fd);
    return undefined;
  } catch (error) {
    if (fd !== undefined) fs.closeSync(fd);
    throw osCode(error) === "" ? error : lockError(documentPath, path, error);
  }
}

function lockOn(fd: number, path: string): NeighbourLock {
  const { dev, ino } = fs.fstatSync(fd);
  return {
    isAtPath: () => {
      const stat = fs.lstatSync(path, { throwIfNoEntry: false });
      return stat !== undefined && stat.dev === dev && stat.ino === ino;
    },
    release: () => fs.closeSync(fd),
  };
}

/** The error for a lock that cannot be taken; without it, an update of the other tool might be lost. */
function lockError(registryPath: string, lockPath: string, cause: unknown): RegistryAccessError {
  const isForbidden = osCode(cause) === "EACCES";
  const why = isForbidden ? "this user may not read it" : "no process can be started for it";
  return new RegistryAccessError({
    what: `The Python tool's lock ${lockPath} cannot be taken: ${why} (${osCode(cause)}).`,
    state: "Nothing was changed.",
    remedy: isForbidden
      ? `let all users of the registry use it: chmod g+rw ${shellQuoted(lockPath)}`
      : "try again when the machine has room for another process; see `ulimit -a`",
    registryPath,
    cause,
  });
}

/** The command that can take the Python tool's lock on this system; undefined if there is none. */
export async function findLocker(): Promise<string | undefined> {
  for (const [command] of LOCKERS) if ((await run(command, ["--version"], "ignore")) !== undefined) return command;
  return undefined;
}

function openLock(path: string): number | undefined {
  // Windows has no flock; the Python tool takes another kind of lock there, which this process cannot take.
  if (process.platform === "win32") return undefined;
  const { O_RDWR, O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  // Another user may have made it, and flock(2) takes a file that can only be read; NFS wants to write.
  createFile(path, Buffer.alloc(0));
  for (const access of [O_RDWR, O_RDONLY]) {
    try {
      return fs.openSync(path, access | O_NOFOLLOW | O_NONBLOCK);
    } catch (cause) {
      if (["EACCES", "EROFS"].includes(osCode(cause)) && access === O_RDWR) continue;
      if (osCode(cause) === "EACCES") throw cause;
      if (osCode(cause) !== "ENOENT") debug("%s cannot be locked: %o", path, cause);
    }
    break;
  }
  return undefined;
}

/** False if no command of this system can take it. */
async function takeLock(fd: number, timeoutS: number): Promise<boolean> {
  for (const locker of found === undefined ? LOCKERS : found === "none" ? [] : [found]) {
    const [command, args] = locker;
    const begin = performance.now();
    const code = await run(command, args(timeoutS), fd);
    // After the time-out, flock exits with 1 and the others die of their alarm; any other result means that the command
    // does not work. So does an immediate 1: BusyBox's flock has no --wait, and prints its usage.
    const isInTime = performance.now() - begin < (timeoutS * 1_000) / 2;
    if (code === undefined || code > 1 || (code === 1 && isInTime)) continue;
    found = locker;
    if (code === 0) return true;
    throw new NeighbourBusyError(`${command} did not get the lock within ${timeoutS} s`);
  }
  found = "none";
  debug("nothing on this system can take the Python tool's lock");
  return false;
}

/** The exit code; undefined if there is no such command. */
async function run(command: string, args: readonly string[], fd: number | "ignore"): Promise<number | undefined> {
  try {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "ignore", fd] });
    const [code] = (await once(child, "exit")) as [number | null];
    return code ?? 1;
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(osCode(error))) return undefined;
    throw error;
  }
}
