import fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import createDebug from "debug";
import { osCode } from "../errors/os-code.ts";
import { readRegularFile, removeIfThere } from "./safe-file.ts";

const debug = createDebug("iris-ports:lock");

/** The file in the commit directory that names the process that took the lock last. */
export const OWNER_NOTE = "lock-owner";

/** Notes that this process took the lock last, for the time-out messages of other processes. */
export function noteLockOwner(directory: string): void {
  try {
    overwrite(
      join(directory, OWNER_NOTE),
      `process ${process.pid} on ${hostname()}, since ${new Date().toISOString()}`,
    );
  } catch (cause) {
    // The directory may not exist yet.
    debug("the lock's owner was not recorded: %o", cause);
  }
}

/** The process that took the lock last, as it described itself; undefined if that cannot be read. */
export function lockOwnerIn(directory: string): string | undefined {
  try {
    return readRegularFile(join(directory, OWNER_NOTE))?.bytes.toString().trim() || undefined;
  } catch (cause) {
    if (osCode(cause) === "") throw cause;
    debug("the lock's owner cannot be read: %o", cause);
    return undefined;
  }
}

// Overwritten in place and padded, because ext4 flushes a truncated file, which would be most of the lock's cost.
// O_NONBLOCK: opening a planted FIFO must not hang.
const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
const OWNER_FLAGS = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
const OWNER_LENGTH = 200;

function overwrite(path: string, text: string): void {
  let fd: number;
  try {
    fd = fs.openSync(path, OWNER_FLAGS, 0o660);
  } catch (cause) {
    if (osCode(cause) !== "EACCES") throw cause;
    // Another user of a group-shared registry wrote it.
    removeIfThere(path);
    fd = fs.openSync(path, OWNER_FLAGS, 0o660);
  }
  try {
    fs.writeSync(fd, `${text.slice(0, OWNER_LENGTH).padEnd(OWNER_LENGTH)}\n`);
  } finally {
    fs.closeSync(fd);
  }
}
