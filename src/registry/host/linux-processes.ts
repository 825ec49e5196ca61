import fs from "node:fs";
import createDebug from "debug";
import { osCode } from "../../stores/safe-file.ts";

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

/** When a process started, in clock ticks after the boot; `ended` if its exit code has not been read yet. */
export function linuxStartTime(pid: number, unknown: string, ended: string): string {
  // In a time namespace of its own, a start is counted from another moment than elsewhere.
  if (![FIRST_TIME_NAMESPACE, undefined].includes(linkOf("/proc/self/ns/time"))) return unknown;
  if (isProcOwn()) return startTimeIn(`/proc/${pid}`, unknown, ended);
  // This process itself is found in a foreign /proc, too, if its last number says that it is this one.
  const isSelf = pid === process.pid && readNumbers("/proc/self").at(-1) === pid;
  return isSelf ? startTimeIn("/proc/self", unknown, ended) : unknown;
}

/** The calling thread as `id:start`, which tells it from later ones; undefined if that cannot be told. */
export function currentThread(): string | undefined {
  try {
    const id = /^\d+\/task\/(\d+)$/.exec(fs.readlinkSync("/proc/thread-self"))?.[1];
    return id && isProcOwn() ? `${id}:${startTimeIn(`/proc/self/task/${id}`, "", "")}` : undefined;
  } catch (cause) {
    debug("the thread cannot be told: %o", cause);
    return undefined;
  }
}

/** Whether a thread of a process that lives is still there. */
export function observeThread(pid: number, thread: string): "alive" | "gone" | "unknown" {
  const [id, start] = thread.split(":");
  try {
    if (!isProcOwn()) return "unknown";
    return startTimeIn(`/proc/${pid}/task/${id}`, "", "") === start ? "alive" : "gone";
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
   * Whether a process is there. Only the first namespace sees all others: there, a process that has the number and the
   * start time in none of them is gone.
   */
  observe(process: NestedProcess, here: string, unknown: string): "alive" | "gone" | "unknown" {
    if (here !== FIRST_PID_NAMESPACE || process.startTime === unknown) return "unknown";
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

/** As far as an identity is needed to find its process from outside. */
type NestedProcess = { readonly pidNamespace: string; readonly pid: number; readonly startTime: string };

function matchNested(directory: string, { pidNamespace, pid, startTime }: NestedProcess): "alive" | "gone" | "unknown" {
  try {
    const numbers = readNumbers(directory);
    if (numbers.length < 2 || numbers.at(-1) !== pid) return "gone";
    if (startTimeIn(directory, "", "") !== startTime) return "gone";
    const namespace = linkOf(`${directory}/ns/pid`);
    if (namespace === undefined) return "unknown";
    return namespace === pidNamespace ? "alive" : "gone";
  } catch (cause) {
    if (isEnded(cause)) return "gone";
    debug("%s cannot be read: %o", directory, cause);
    return "unknown";
  }
}

/** Where /proc is mounted with `hidepid`, other users' processes are missing in it: then the first one is, too. */
function isEveryProcessVisible(): boolean {
  return readNumbers("/proc/1").length > 0;
}

/** The numbers that a process has in the pid namespace of /proc and in those within, down to its own. */
function readNumbers(directory: string): readonly number[] {
  const line = /^NSpid:\s*(.+)$/m.exec(fs.readFileSync(`${directory}/status`, "latin1"))?.[1];
  return (line ?? "").split(/\s+/).filter(Boolean).map(Number);
}

function startTimeIn(directory: string, unknown: string, ended: string): string {
  const stat = fs.readFileSync(`${directory}/stat`, "latin1");
  // The command's name stands in parentheses and may itself contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return ended;
  return fields[19] ?? unknown;
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
