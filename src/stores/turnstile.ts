import fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import lockfile from "proper-lockfile";
import { PortAssignmentTimeoutError } from "../errors/errors.ts";
import { shellQuoted } from "../settings/command-text.ts";
import { fileNames } from "./file-names.ts";
import { accessError, osCode, readRegularFile, removeIfThere } from "./safe-file.ts";
import { now, TicketQueue } from "./ticket-queue.ts";

const debug = createDebug("iris-ports:lock");

/** The smallest value of proper-lockfile: a lock that was not refreshed for this long may be taken over. */
export const STALE_MS = 2_000;
// A live owner refreshes its lock every second. A lock that stays unchanged for longer has no owner, whatever its mtime: a
// clock that was set back must not keep a dead process's lock alive.
const UNCHANGED_MS = 3_500;
/** The file in the commit directory that names the process that took the lock last. */
export const OWNER_NOTE = "lock-owner";
/** If a process does not take the lock again within this time, waiters are called, unless they are due before. */
const AGAIN_MS = 1;
/** How long, and at most how seldom, a called waiter checks the lock, which is about to be released. */
const CALLED = { forMs: 30, everyMs: 1 };
/** The same for one without a ticket, whom nobody calls. */
const UNCALLED = { forMs: 400, everyMs: 15 };
/** The time between two checks begins so short, and grows by this factor. */
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
const queues = new Map<string, Promise<unknown>>();

/**
 * Admits one writer at a time in the normal case. It does not guarantee that: a lock that times out can have two owners
 * (https://github.com/moxystudio/node-proper-lockfile/issues/121), which the commit chain makes harmless.
 */
export class Turnstile {
  readonly #registryPath: string;
  readonly #lockPath: string;
  readonly #neighbourPath: string;
  readonly #ownerPath: string;
  readonly #timeoutMs: number;
  readonly #queue: TicketQueue;

  constructor(registryPath: string, ownerDirectory: string, timeoutMs: number) {
    this.#registryPath = registryPath;
    const names = fileNames(registryPath);
    this.#lockPath = names.lock;
    this.#neighbourPath = names.neighbourLock;
    this.#queue = new TicketQueue(names.queue);
    this.#ownerPath = join(ownerDirectory, OWNER_NOTE);
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Runs `work` under the lock.
   * @throws PortAssignmentTimeoutError when the turn did not come within the time-out
   */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#timeoutMs;
    const before = queues.get(this.#lockPath);
    const done = Promise.withResolvers<void>();
    const turn = (before ?? Promise.resolve()).then(() => done.promise);
    queues.set(this.#lockPath, turn);
    try {
      if (before !== undefined) await this.#inTime(before, deadline);
      const release = await this.#lock(deadline);
      // Called early, so that the lock is not unused while the next waiter wakes up.
      const hasCalled = this.#queue.state() === "due";
      if (hasCalled) this.#queue.callNext();
      try {
        return await work();
      } finally {
        unlock(release);
        if (!hasCalled) this.#callOthers();
      }
    } finally {
      done.resolve();
      if (queues.get(this.#lockPath) === turn) queues.delete(this.#lockPath);
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
      debug("%s cannot be told: %o", this.#neighbourPath, cause);
      return true;
    }
  }

  async #inTime(before: Promise<unknown>, deadline: number): Promise<void> {
    const timer = new AbortController();
    const isLate = await Promise.race([
      before.then(() => false),
      delay(Math.max(0, deadline - performance.now()), true, { signal: timer.signal }).catch(() => false),
    ]);
    timer.abort();
    if (isLate) throw this.#timeout();
  }

  async #lock(deadline: number): Promise<() => void> {
    const look = this.#looker();
    const release = this.#queue.state() === "due" ? undefined : look();
    return release ?? this.#standInLine(look, deadline);
  }

  async #standInLine(look: () => (() => void) | undefined, deadline: number): Promise<() => void> {
    const arrivedAt = now();
    const inTime = () => {
      if (performance.now() > deadline) throw this.#timeout();
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
      // The line is in the order of arrival: whoever does not get the lock, because others pass, comes first again.
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
      if (!queues.has(this.#lockPath)) this.#queue.callNext();
    }, AGAIN_MS);
  }

  /** Tries to take the lock if it is free or seems to have no live owner. */
  #looker(): () => (() => void) | undefined {
    let seen = "";
    let seenSince = 0;
    return () => {
      const stamp = this.#stamp();
      const time = performance.now();
      if (stamp !== seen) [seen, seenSince] = [stamp, time];
      const unchangedMs = time - seenSince;
      if (stamp !== "" && unchangedMs > UNCHANGED_MS) this.#takeOver();
      // A taken lock is only read: creating a directory beside it would slow down its owner.
      return stamp === "" || unchangedMs > STALE_MS / 4 ? this.#tryLock() : undefined;
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
      this.#writeOwner();
      return release;
    } catch (cause) {
      if (osCode(cause) === "ELOCKED" || wasTakenAway(cause)) return undefined;
      throw accessError(this.#registryPath, this.#lockPath, cause);
    }
  }

  /** A value that changes whenever the lock is refreshed or has another owner; empty if there is no lock. */
  #stamp(): string {
    try {
      const stat = fs.lstatSync(this.#lockPath, { throwIfNoEntry: false });
      return stat === undefined ? "" : `${stat.ino}:${stat.mtimeMs}:${stat.ctimeMs}`;
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

  #writeOwner(): void {
    try {
      overwrite(this.#ownerPath, `process ${process.pid} on ${hostname()}, since ${new Date().toISOString()}`);
    } catch (cause) {
      // Only used in the time-out message of other processes; the directory may not exist yet.
      debug("the lock's owner was not recorded: %o", cause);
    }
  }

  #owner(): string | undefined {
    try {
      return readRegularFile(this.#ownerPath)?.bytes.toString().trim() || undefined;
    } catch (cause) {
      debug("the lock's owner cannot be read: %o", cause);
      return undefined;
    }
  }

  #timeout(): PortAssignmentTimeoutError {
    const lockOwner = this.#owner();
    return new PortAssignmentTimeoutError({
      what: `The port registry's lock was not obtained within ${this.#timeoutMs} ms.`,
      state: `Registry ${this.#registryPath}, lock ${this.#lockPath}, last taken by ${lockOwner ?? "an unknown process"}. Nothing was changed.`,
      remedy: `run it again; on a slow disk raise lockTimeoutMs. If nothing else uses the registry, remove the lock (harmless: commits are fenced): rmdir ${shellQuoted(this.#lockPath)}`,
      registryPath: this.#registryPath,
      lockPath: this.#lockPath,
      timeoutMs: this.#timeoutMs,
      lockOwner,
    });
  }
}

/** Our new lock directory was removed, before its mtime was set, by a process that had judged the previous lock stale. */
function wasTakenAway(cause: unknown): boolean {
  return osCode(cause) === "ENOENT" && (cause as NodeJS.ErrnoException).syscall !== "mkdir";
}

// Overwritten in place and padded, because ext4 flushes a truncated file, which would be most of the lock's cost.
const OWNER_FLAGS = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW;
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

/** Timers cannot wait for less than a millisecond; shorter waits block the event loop. */
async function pause(timeMs: number): Promise<void> {
  if (timeMs >= 1) return delay(timeMs);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeMs);
  return new Promise((resolve) => setImmediate(resolve));
}

function unlock(release: () => void): void {
  try {
    release();
  } catch (cause) {
    // The lock was taken over while it was held; the commit chain has decided which commit counts.
    debug("the lock was no longer ours: %o", cause);
  }
}
