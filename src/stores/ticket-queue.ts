import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { dirname, join } from "node:path";
import createDebug from "debug";
import { osCode } from "../errors/os-code.ts";
import { makeSharedDirectory } from "./directories.ts";
import { removeIfThere } from "./safe-file.ts";

const debug = createDebug("iris-ports:queue");

/** How often the first in the queue checks the lock without being called; later ones check less often. */
const LOOK_MS = { first: 30, perPlace: 20, most: 500 };

/**
 * Until the first in the queue has waited for this long, newcomers may pass it: one process that repeats its work is faster
 * than many that wake each other in turn.
 */
const DUE_MS = 20;

/** A waiter for the lock. */
export type Ticket = Disposable & {
  /** True after the ticket is gone, which means that it is this waiter's turn. */
  isCalled(): boolean;
  /** Resolves when the ticket is called, at the latest after a time that grows with the place in the queue. */
  sleep(): Promise<void>;
};

/**
 * The queue of processes that wait for the lock: a directory with one file per waiter, whose name starts with the time of
 * arrival and is never reused. Removing the first file calls its owner, which watches it, so exactly one process wakes.
 * Correctness does not depend on the queue: a lost call, or one to a stopped process, only costs the time until the next
 * waiter checks the lock by itself.
 */
export class TicketQueue {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The state of the queue; a `due` first waiter may not be passed. */
  state(): "empty" | "waiting" | "due" {
    const [first] = this.#names();
    if (first === undefined) return "empty";
    // A time far in the future comes from another clock, or from before this clock was set back.
    const waitedMs = now() - Number(first.slice(0, TIME_DIGITS)) / 1_000;
    return Math.abs(waitedMs) > DUE_MS ? "due" : "waiting";
  }

  /** Calls the first waiter that is alive. */
  callNext(): void {
    for (const name of this.#names()) {
      try {
        fs.unlinkSync(join(this.#directory, name));
      } catch (cause) {
        // Another process has called the waiter, or this user may only read the directory: the waiters then check the lock by
        // themselves.
        if (osCode(cause) !== "ENOENT") debug("%s was not called: %o", name, cause);
        continue;
      }
      if (!isOfDeadProcess(name)) return;
    }
  }

  /** Joins the queue at the place of the time of arrival; undefined if no ticket can be created. */
  join(arrivedAt: number): Ticket | undefined {
    const time = String(Math.round(arrivedAt * 1_000)).padStart(TIME_DIGITS, "0");
    const name = `${time}.${process.pid}.${pidNamespace()}.${randomBytes(6).toString("hex")}`;
    const path = join(this.#directory, name);
    try {
      this.#write(path);
      return new WatchedTicket(path, () => this.#names().indexOf(name));
    } catch (cause) {
      debug("no ticket at %s: %o", this.#directory, cause);
      return undefined;
    }
  }

  #write(path: string): void {
    const stat = fs.lstatSync(this.#directory, { throwIfNoEntry: false });
    if (stat === undefined) makeQueue(this.#directory);
    else if (!stat.isDirectory()) throw new Error("there is something else in the place of the queue's directory");
    fs.closeSync(fs.openSync(path, "wx", 0o600));
  }

  /** The tickets in the order of arrival. */
  #names(): string[] {
    try {
      // Most registries have no queue yet, and creating an error takes longer than everything else here.
      if (fs.lstatSync(this.#directory, { throwIfNoEntry: false }) === undefined) return [];
      return fs.readdirSync(this.#directory).filter(isTicket).sort();
    } catch (cause) {
      if (osCode(cause) !== "ENOENT") debug("the queue cannot be read: %o", cause);
      return [];
    }
  }
}

class WatchedTicket implements Ticket {
  readonly #path: string;
  readonly #place: () => number;
  readonly #watcher: fs.FSWatcher | undefined;
  #wake: () => void = () => {};

  constructor(path: string, place: () => number) {
    this.#path = path;
    this.#place = place;
    this.#watcher = watch(path, () => this.#wake());
  }

  isCalled(): boolean {
    return !fs.existsSync(this.#path);
  }

  async sleep(): Promise<void> {
    // Not by the place: a queue that this user may not read, or that has too many files open, shows no tickets at all.
    if (this.isCalled()) return;
    const place = Math.max(0, this.#place());
    const timeMs = Math.min(LOOK_MS.first + place * LOOK_MS.perPlace, LOOK_MS.most) * (0.75 + Math.random() / 2);
    const woken = Promise.withResolvers<void>();
    const timer = setTimeout(woken.resolve, timeMs);
    this.#wake = woken.resolve;
    await woken.promise;
    clearTimeout(timer);
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    try {
      removeIfThere(this.#path);
    } catch (cause) {
      // The next owner of the lock removes the ticket when it calls it.
      debug("%s was not removed: %o", this.#path, cause);
    }
  }
}

/** Undefined if the system cannot watch files, or no more of them; the waiter then checks by itself. */
function watch(path: string, onChange: () => void): fs.FSWatcher | undefined {
  try {
    return fs.watch(path, onChange).on("error", (cause) => debug("%s is not watched: %o", path, cause));
  } catch (cause) {
    debug("%s is not watched: %o", path, cause);
    return undefined;
  }
}

function makeQueue(directory: string): void {
  try {
    fs.mkdirSync(directory, { mode: 0o700 });
    makeSharedDirectory(directory, fs.statSync(dirname(directory)));
  } catch (cause) {
    if (osCode(cause) !== "EEXIST") throw cause;
  }
}

/** Milliseconds since 1970. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

const TIME_DIGITS = 17;
const TICKET = /^\d{17}\.(\d{1,10})\.([\w-]{1,20})\.[0-9a-f]{12}$/;

function isTicket(name: string): boolean {
  return TICKET.test(name);
}

/** Processes of another pid namespace cannot be observed; their tickets are called like those of live ones. */
function isOfDeadProcess(name: string): boolean {
  const [, pid, namespace] = TICKET.exec(name) ?? [];
  if (namespace !== pidNamespace()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (cause) {
    return osCode(cause) === "ESRCH";
  }
}

let namespace: string | undefined;

function pidNamespace(): string {
  namespace ??= readPidNamespace();
  return namespace;
}

function readPidNamespace(): string {
  try {
    return /\d+/.exec(fs.readlinkSync("/proc/self/ns/pid"))?.[0] ?? process.platform;
  } catch (cause) {
    debug("the pid namespace is unknown: %o", cause);
    return process.platform;
  }
}
