import fs from "node:fs";
import createDebug from "debug";

const debug = createDebug("iris-ports:neighbour");

/** The initial pid namespace: in any other, the kernel hides the locks of processes outside of it. */
const FIRST_PID_NAMESPACE = "pid:[4026531836]";
/**
 * File systems of this machine alone whose device number in the table is the one that stat(2) reports: ext2 to ext4,
 * XFS, F2FS and tmpfs. For a network file system, this machine knows only its own locks.
 */
const LOCAL_FILE_SYSTEMS = [0xef53, 0x58465342, 0xf2f52010, 0x01021994];
/** The kernel writes the table a page at a time, and may skip an entry in between: a longer one proves nothing. */
const ONE_PAGE = 3_500;

/**
 * Whether some process holds or awaits a flock(2) on a file, by the kernel's table of locks; undefined if the table
 * is missing or may be incomplete. Costs a hundredth of starting a program that tries the lock.
 * @see https://man7.org/linux/man-pages/man5/proc_locks.5.html
 */
export function isFlocked(path: string, { dev, ino }: fs.Stats): boolean | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    if (fs.readlinkSync("/proc/self/ns/pid") !== FIRST_PID_NAMESPACE) return undefined;
    if (!LOCAL_FILE_SYSTEMS.includes(fs.statfsSync(path).type)) return undefined;
    const table = fs.readFileSync("/proc/locks", "latin1");
    if (table.length > ONE_PAGE) return undefined;
    const file = ` ${hex(major(dev))}:${hex(minor(dev))}:${ino} `;
    return table.split("\n").some((line) => line.includes(" FLOCK ") && line.includes(file));
  } catch (cause) {
    debug("the table of locks cannot be read: %o", cause);
    return undefined;
  }
}

function hex(number: number): string {
  return number.toString(16).padStart(2, "0");
}

/** As glibc's gnu_dev_major() and gnu_dev_minor() take a device number apart, up to 32 bits of it. */
function major(dev: number): number {
  return (dev >>> 8) & 0xfff;
}

function minor(dev: number): number {
  return (dev & 0xff) | ((dev >>> 12) & 0xfff00);
}
