import fs from "node:fs";
import createDebug from "debug";
import { osCode } from "../../errors/os-code.ts";
import type { Verdict } from "../evidence/liveness.ts";
import { ENDED, UNKNOWN } from "./start-time.ts";

const debug = createDebug("iris-ports:liveness");

// The namespaces of the system itself have these numbers on every Linux: PROC_PID_INIT_INO, PROC_TIME_INIT_INO.
const FIRST_PID_NAMESPACE = "pid:[4026531836]";
const FIRST_TIME_NAMESPACE = "time:[4026531834]";

let isOwn: boolean | undefined;

/**
 * True if /proc shows the pid namespace of this process. A sandbox with a namespace of its own may still have its
 * host's /proc: there, the numbers in it mean other processes.
 */
export function isProcOwn(): boolean {
  // Not remembered when it fails: a process may be out of descriptors for a moment.
  isOwn ??= readNumbers("/proc/self").join() === String(process.pid);
  return isOwn;
}

/** When a process started, in clock ticks after the boot; {@link UNKNOWN} if the system does not tell, {@link ENDED} for a zombie. */
export function linuxStartTime(pid: number): string {
  // In a time namespace of its own, a start time counts from another moment than on the host.
  if (![FIRST_TIME_NAMESPACE, undefined].includes(linkOf("/proc/self/ns/time"))) return UNKNOWN;
  if (isProcOwn()) return startTimeIn(`/proc/${pid}`);
  // Even in a foreign /proc, /proc/self is this process if the last of its numbers is this process's own.
  const isSelf = pid === process.pid && readNumbers("/proc/self").at(-1) === pid;
  return isSelf ? startTimeIn("/proc/self") : UNKNOWN;
}

/**
 * The calling thread as `id:start`, which tells it from later ones; undefined in the main thread, which has the number of
 * the process, and if the system does not tell.
 */
export function currentThread(): string | undefined {
  try {
    const [, pid, id] = /^(\d+)\/task\/(\d+)$/.exec(fs.readlinkSync("/proc/thread-self")) ?? [];
    return id !== pid && isProcOwn() ? `${id}:${startTimeIn(`/proc/self/task/${id}`)}` : undefined;
  } catch (cause) {
    debug("the thread is unknown: %o", cause);
    return undefined;
  }
}

/** Whether a thread of a process that lives is still there. */
export function observeThread(pid: number, thread: string): Verdict {
  const [id, start] = thread.split(":");
  try {
    if (!isProcOwn()) return "unknown";
    return startTimeIn(`/proc/${pid}/task/${id}`) === start ? "alive" : "gone";
  } catch (cause) {
    return isEnded(cause) ? "gone" : "unknown";
  }
}

/**
 * The processes of other pid namespaces. Reads /proc once, at the first question. Ask only about processes recorded before
 * that: a newer one would look gone.
 */
export class NestedProcesses {
  #byNumber: ReadonlyMap<number | undefined, readonly string[]> | undefined;

  /**
   * Whether a process exists. Only the first namespace sees all others: from there, a process is gone if no process has
   * its pid and start time in any of them.
   */
  observe(process: NestedProcess, here: string): Verdict {
    if (here !== FIRST_PID_NAMESPACE || process.startTime === UNKNOWN) return "unknown";
    try {
      if (!isProcOwn() || !isEveryProcessVisible()) return "unknown";
      this.#byNumber ??= directoriesByNumber();
      const directories = [process.pid, undefined].flatMap((number) => this.#byNumber?.get(number) ?? []);
      const verdicts = directories.map((directory) => matchNested(directory, process));
      return verdicts.find((verdict) => verdict !== "gone") ?? "gone";
    } catch (cause) {
      debug("the processes cannot be listed: %o", cause);
      return "unknown";
    }
  }
}

/** Directories in /proc, by the number that the process has in its own namespace; undefined if that cannot be read. */
function directoriesByNumber(): ReadonlyMap<number | undefined, readonly string[]> {
  const directories = new Map<number | undefined, string[]>();
  for (const name of fs.readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const number = nestedNumber(`/proc/${name}`);
    if (number === "none") continue;
    const known = directories.get(number);
    if (known === undefined) directories.set(number, [`/proc/${name}`]);
    else known.push(`/proc/${name}`);
  }
  return directories;
}

function nestedNumber(directory: string): number | "none" | undefined {
  try {
    const numbers = readNumbers(directory);
    return numbers.length < 2 ? "none" : numbers.at(-1);
  } catch (cause) {
    return isEnded(cause) ? "none" : undefined;
  }
}

/** The parts of an identity that find its process from outside its namespace. */
type NestedProcess = { readonly pidNamespace: string; readonly pid: number; readonly startTime: string };

function matchNested(directory: string, { pidNamespace, pid, startTime }: NestedProcess): Verdict {
  try {
    const numbers = readNumbers(directory);
    if (numbers.length < 2 || numbers.at(-1) !== pid) return "gone";
    if (startTimeIn(directory) !== startTime) return "gone";
    const namespace = linkOf(`${directory}/ns/pid`);
    if (namespace === undefined) return "unknown";
    return namespace === pidNamespace ? "alive" : "gone";
  } catch (cause) {
    if (isEnded(cause)) return "gone";
    debug("%s cannot be read: %o", directory, cause);
    return "unknown";
  }
}

/** False if /proc is mounted with `hidepid`, which hides the processes of other users, and with them the first process. */
function isEveryProcessVisible(): boolean {
  return readNumbers("/proc/1").length > 0;
}

/** The numbers that a process has in the pid namespace of /proc and in those within, down to its own. */
function readNumbers(directory: string): readonly number[] {
  const line = /^NSpid:\s*(.+)$/m.exec(fs.readFileSync(`${directory}/status`, "latin1"))?.[1];
  return (line ?? "").split(/\s+/).filter(Boolean).map(Number);
}

function startTimeIn(directory: string): string {
  const stat = fs.readFileSync(`${directory}/stat`, "latin1");
  // The command's name stands in parentheses and may itself contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // A process whose first thread has ended looks like a zombie, and lives on with the others.
  if (["Z", "X"].includes(fields[0] ?? "") && Number(fields[17]) <= 1) return ENDED;
  return fields[19] ?? UNKNOWN;
}

function linkOf(path: string): string | undefined {
  try {
    return fs.readlinkSync(path);
  } catch (cause) {
    debug("%s cannot be read: %o", path, cause);
    return undefined;
  }
}

function isEnded(cause: unknown): boolean {
  return ["ENOENT", "ESRCH"].includes(osCode(cause));
}
