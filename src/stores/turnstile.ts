import fs from "node:fs";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import createDebug from "debug";
import lockfile from "proper-lockfile";
import { PortAssignmentTimeoutError } from "../errors/errors.ts";
import { osCode } from "../errors/os-code.ts";
import { shellQuoted } from "../settings/command-text.ts";
import { accessError } from "./access-errors.ts";
import { fileNames } from "./file-names.ts";
import { lockOwnerIn, noteLockOwner } from "./lock-owner.ts";
import { mayBeInside } from "./neighbour-lock.ts";
import { Patience } from "./patience.ts";
import { now, TicketQueue } from "./ticket-queue.ts";

const debug = createDebug("iris-ports:lock");

/** The smallest value of proper-lockfile: a lock that was not refreshed for this long may be taken over. */
export const STALE_MS = 2_000;
// A live owner refreshes its lock every second. A lock that stays unchanged for longer has no owner, whatever its mtime: a
// clock that was set back must not keep a dead process's lock alive.
const UNCHANGED_MS = 3_500;
/** If a process does not take the lock again within this time, waiters are called, unless they are due before. */
const AGAIN_MS = 1;
/**
 * For how long a called waiter checks the lock, which was released a moment ago, and the longest time between checks. A
 * waiter that others have passed stands in line again, in its place: checking for longer would take time from the owner.
 */
const CALLED = { forMs: 4, everyMs: 1 };
/** The same for a waiter without a ticket, which is not called. */
const UNCALLED = { forMs: 400, everyMs: 15 };
/** The first time between two checks, and the factor by which it grows. */
const CHECK = { firstMs: 0.15, growth: 1.2 };

// The lock is taken with the synchronous calls: a thread-pool round trip costs more than the call itself.
const lockFs = {
  mkdir: fs.mkdir,
  mkdirSync: fs.mkdirSync,
  realpathSync: fs.realpathSync,
  statSync: fs.statSync,
  rmdirSync: fs.rmdirSync,
  utimesSync: fs.utimesSync,
};

/** Callers within one process queue here for the same lock, and not at the file system. */
type Line = { last: Promise<unknown> | undefined; readonly waiting: Set<Patience> };
const lines = new Map<string, Line>();

/**
 * Admits one writer at a time in the normal case. It does not guarantee that: a lock that times out can have two owners
 * (https://github.com/moxystudio/node-proper-lockfile/issues/121), which the commit chain makes harmless.
 */
export class Turnstile {
  readonly #registryPath: string;
  readonly #lockPath: string;
  readonly #neighbourPath: string;
  readonly #ownerDirectory: string;
  readonly #timeoutMs: number;
  readonly #queue: TicketQueue;

  constructor(registryPath: string, ownerDirectory: string, timeoutMs: number) {
    this.#registryPath = registryPath;
    const names = fileNames(registryPath);
    this.#lockPath = names.lock;
    this.#neighbourPath = names.neighbourLock;
    this.#queue = new TicketQueue(names.queue);
    this.#ownerDirectory = ownerDirectory;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Runs `work` under the lock.
   * @throws PortAssignmentTimeoutError when the queue for the lock did not move within the time-out
   */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    const patience = new Patience(this.#timeoutMs);
    const line: Line = lines.get(this.#lockPath) ?? { last: undefined, waiting: new Set() };
    lines.set(this.#lockPath, line);
    line.waiting.add(patience);
    const before = line.last;
    const done = Promise.withResolvers<void>();
    const turn = (before ?? Promise.resolve()).then(() => done.promise);
    line.last = turn;
    try {
      if (before !== undefined) await this.#inTime(before, patience);
      // Most of what follows is synchronous: callers that follow one another would keep timers and signals from this process.
      await nextTurn();
      const release = await this.#lock(patience, line);
      noteMove(line);
      try {
        return await work();
      } finally {
        unlock(release);
        this.#callOthers();
      }
    } finally {
      done.resolve();
      line.waiting.delete(patience);
      if (line.last === turn) lines.delete(this.#lockPath);
    }
  }

  /**
   * True if a commit may be tried without the lock: no waiter has waited for long, and the Python tool, which relies on
   * locks, is not in use.
   */
  get isPassable(): boolean {
    return this.#queue.state() !== "due" && !this.#isNeighbourLocking();
  }

  #isNeighbourLocking(): boolean {
    try {
      return fs.lstatSync(this.#neighbourPath, { throwIfNoEntry: false }) !== undefined;
    } catch (cause) {
      debug("the state of %s is unknown: %o", this.#neighbourPath, cause);
      return true;
    }
  }

  async #inTime(before: Promise<unknown>, patience: Patience): Promise<void> {
    for (;;) {
      const timer = new AbortController();
      const isLate = await Promise.race([
        before.then(() => false),
        delay(Math.max(0, patience.leftMs), true, { signal: timer.signal }).catch(() => false),
      ]);
      timer.abort();
      if (!isLate) return;
      if (patience.leftMs <= 0) throw this.#timeout();
    }
  }

  async #lock(patience: Patience, line: Line): Promise<() => void> {
    const look = this.#looker(() => noteMove(line));
    const release = this.#queue.state() === "due" ? undefined : look();
    return release ?? this.#standInLine(look, patience);
  }

  async #standInLine(look: () => (() => void) | undefined, patience: Patience): Promise<() => void> {
    const arrivedAt = now();
    const inTime = () => {
      if (patience.leftMs <= 0) throw this.#timeout();
    };
    for (;;) {
      using ticket = this.#queue.join(arrivedAt);
      while (ticket !== undefined && !ticket.isCalled()) {
        // The lock may have been released before the ticket existed.
        const release = look();
        if (release !== undefined) return release;
        inTime();
        await ticket.sleep();
      }
      // The queue is in the order of arrival: a waiter that does not get the lock, because others pass, is first again.
      const { forMs, everyMs } = ticket === undefined ? UNCALLED : CALLED;
      const end = performance.now() + forMs;
      for (let waitMs = CHECK.firstMs; performance.now() < end; waitMs = Math.min(waitMs * CHECK.growth, everyMs)) {
        const release = look();
        if (release !== undefined) return release;
        inTime();
        await pause(waitMs);
      }
    }
  }

  /** Calls the waiters, at once or if this process does not take the lock again. */
  #callOthers(): void {
    const state = this.#queue.state();
    if (state === "due") this.#queue.callNext();
    if (state !== "waiting") return;
    setTimeout(() => {
      if (!lines.has(this.#lockPath)) this.#queue.callNext();
    }, AGAIN_MS);
  }

  /** Tries to take the lock if it is free or seems to have no live owner. */
  #looker(onMove: () => void): () => (() => void) | undefined {
    let seen: LockStamp | undefined;
    let seenSince = 0;
    return () => {
      const stamp = this.#stamp();
      const time = performance.now();
      if (seen !== undefined && stamp.taking !== seen.taking) onMove();
      if (stamp.refresh !== seen?.refresh) seenSince = time;
      seen = stamp;
      const isTaken = stamp.taking !== "";
      const unchangedMs = time - seenSince;
      if (isTaken && unchangedMs > UNCHANGED_MS) this.#takeOver();
      // A taken lock is only read: creating a directory beside it would slow down its owner.
      return !isTaken || unchangedMs > STALE_MS / 4 ? this.#tryLock() : undefined;
    };
  }

  #tryLock(): (() => void) | undefined {
    try {
      const release = lockfile.lockSync(this.#registryPath, {
        lockfilePath: this.#lockPath,
        realpath: false,
        stale: STALE_MS,
        fs: lockFs,
        onCompromised: (error) => debug("the lock was taken over: %s", error.message),
      });
      noteLockOwner(this.#ownerDirectory);
      return release;
    } catch (cause) {
      if (osCode(cause) === "ELOCKED" || wasTakenAway(cause)) return undefined;
      throw accessError(this.#registryPath, this.#lockPath, cause);
    }
  }

  #stamp(): LockStamp {
    try {
      const stat = fs.lstatSync(this.#lockPath, { throwIfNoEntry: false });
      if (stat === undefined) return { taking: "", refresh: "" };
      const taking = `${stat.ino}:${stat.birthtimeMs}`;
      return { taking, refresh: `${taking}:${stat.mtimeMs}:${stat.ctimeMs}` };
    } catch (cause) {
      throw accessError(this.#registryPath, this.#lockPath, cause);
    }
  }

  #takeOver(): void {
    debug("taking over a stale lock: %s", this.#lockPath);
    try {
      fs.rmdirSync(this.#lockPath);
    } catch (cause) {
      if (osCode(cause) !== "ENOENT") throw accessError(this.#registryPath, this.#lockPath, cause);
    }
  }

  #timeout(): PortAssignmentTimeoutError {
    const lockOwner = lockOwnerIn(this.#ownerDirectory);
    const lastTaken = `Registry ${this.#registryPath}, lock ${this.#lockPath}, last taken by ${lockOwner ?? "an unknown process"}`;
    // The owner of our lock waits for the Python tool's.
    const isNeighbourInside = mayBeInside(this.#registryPath);
    return new PortAssignmentTimeoutError({
      what: `The port registry's lock was not obtained within ${this.#timeoutMs} ms.`,
      state: isNeighbourInside
        ? `${lastTaken}. The lock of the Python tool iris-devtester is held as well, and may be what that process waits for. Nothing was changed.`
        : `${lastTaken}. Nothing was changed.`,
      remedy: isNeighbourInside
        ? `try again, or find the process that holds the other lock: fuser ${shellQuoted(this.#neighbourPath)}`
        : `try again; on a slow disk raise lockTimeoutMs. If no other process uses the registry, remove its lock, which loses no data: rmdir ${shellQuoted(this.#lockPath)}`,
      registryPath: this.#registryPath,
      lockPath: this.#lockPath,
      timeoutMs: this.#timeoutMs,
      lockOwner,
    });
  }
}

/** Values that change whenever the lock is taken, and whenever it is taken or refreshed; empty if there is no lock. */
type LockStamp = { readonly taking: string; readonly refresh: string };

function noteMove({ waiting }: Line): void {
  for (const patience of waiting) patience.moved();
}

/** Our new lock directory was removed, before its mtime was set, by a process that had judged the previous lock stale. */
function wasTakenAway(cause: unknown): boolean {
  return osCode(cause) === "ENOENT" && (cause as NodeJS.ErrnoException).syscall !== "mkdir";
}

/** Timers cannot wait for less than a millisecond; shorter waits block the event loop. */
async function pause(timeMs: number): Promise<void> {
  if (timeMs >= 1) return delay(timeMs);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeMs);
  return nextTurn();
}

function unlock(release: () => void): void {
  try {
    release();
  } catch (cause) {
    // The lock was taken over while it was held; the commit chain has decided which commit counts.
    debug("the lock was no longer ours: %o", cause);
  }
}
