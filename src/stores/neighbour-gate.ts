import fs from "node:fs";
import createDebug from "debug";
import { PortAssignmentTimeoutError } from "../errors/errors.ts";
import { shellQuoted } from "../settings/command-text.ts";
import { fileNames } from "./file-names.ts";
import { fileState } from "./file-state.ts";
import { lockNeighbour, mayBeInside, NeighbourBusyError, type NeighbourLock } from "./neighbour-lock.ts";
import { createFile } from "./safe-file.ts";

const debug = createDebug("iris-ports:neighbour");

/** For this long after the time of its lock file, its last sign of life, the Python tool counts as active. */
const ACTIVE_MS = 60_000;
/** The lock is kept for the next commit of a burst: taking it starts a program. The tool itself waits for seconds. */
const LINGER_MS = 4;
const LONGEST_BURST_MS = 100;
const LINE_FEED = 0x0a;

type Kept = { readonly lock: NeighbourLock; readonly since: number; readonly timer: NodeJS.Timeout };

/** The locks that are kept for a moment, by registry. */
const kept = new Map<string, Kept>();

/** True if the Python tool has left a lock file. */
export function isNeighbourNear(registryPath: string): boolean {
  return fileState(fileNames(registryPath).neighbourLock).kind !== "missing";
}

/** True if the tool was at work a moment ago, or may be now. */
function isActive(registryPath: string): boolean {
  const { stat } = fileState(fileNames(registryPath).neighbourLock);
  if (stat === undefined) return false;
  return (stat.isFile() && Math.abs(Date.now() - stat.mtimeMs) < ACTIVE_MS) || mayBeInside(registryPath);
}

/** Keeps the Python tool away from the document while one change of ours is made; its lock is taken only when needed. */
export class NeighbourGate {
  readonly #registryPath: string;
  readonly #timeoutMs: number;
  readonly #deadline: number;
  #lock: NeighbourLock | undefined;
  #since = 0;

  constructor(registryPath: string, timeoutMs: number) {
    this.#registryPath = registryPath;
    this.#timeoutMs = timeoutMs;
    this.#deadline = performance.now() + timeoutMs;
  }

  /**
   * If the tool is active, waits until it has left and keeps it out. Returns true in this case: what was read before may be
   * outdated. `state` gives a part of the error if the tool does not leave in time.
   * @throws PortAssignmentTimeoutError
   */
  async shut(state = () => "Nothing was changed."): Promise<boolean> {
    if (this.isShut || this.#takeKept()) return false;
    if (!isActive(this.#registryPath)) return false;
    this.#release();
    try {
      this.#since = performance.now();
      this.#lock = await lockNeighbour(this.#registryPath, this.#deadline - performance.now());
    } catch (cause) {
      throw cause instanceof NeighbourBusyError ? this.#timeout(state(), cause) : cause;
    }
    return true;
  }

  /** For readers: waits while the tool is active. */
  async awaitExit(): Promise<void> {
    if (mayBeInside(this.#registryPath)) await this.shut();
  }

  /** Notes who wrote a document last: the tool ends its files without a line break. Returns true if it was the tool. */
  noteWriter(document: Buffer): boolean {
    const isTheirs = document.length > 0 && document.at(-1) !== LINE_FEED;
    if (isTheirs) this.noteActivity();
    return isTheirs;
  }

  /** Notes that the tool is active: for a while its lock is taken in advance, so that both write one after the other. */
  noteActivity(): void {
    const path = fileNames(this.#registryPath).neighbourLock;
    try {
      createFile(path, Buffer.alloc(0));
      const now = new Date();
      fs.utimesSync(path, now, now);
    } catch (cause) {
      // The file is another user's; the Python tool sets its time whenever it takes the lock.
      debug("%s cannot be dated: %o", path, cause);
    }
  }

  /** True while the tool is certainly kept out. */
  get isShut(): boolean {
    return this.#lock?.isAtPath() ?? false;
  }

  /** Lets the tool in again, at once or when no further commit follows. */
  open(): void {
    const lock = this.#lock;
    const since = this.#since;
    if (lock === undefined || kept.has(this.#registryPath) || performance.now() - since > LONGEST_BURST_MS) {
      this.#release();
      return;
    }
    this.#lock = undefined;
    const timer = setTimeout(() => {
      kept.delete(this.#registryPath);
      lock.release();
    }, LINGER_MS).unref();
    kept.set(this.#registryPath, { lock, since, timer });
  }

  #release(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  #takeKept(): boolean {
    const found = kept.get(this.#registryPath);
    if (found === undefined) return false;
    kept.delete(this.#registryPath);
    clearTimeout(found.timer);
    this.#release();
    this.#lock = found.lock;
    this.#since = found.since;
    if (this.isShut) return true;
    this.#release();
    return false;
  }

  #timeout(state: string, cause: NeighbourBusyError): PortAssignmentTimeoutError {
    const lockPath = fileNames(this.#registryPath).neighbourLock;
    return new PortAssignmentTimeoutError({
      what: `The Python tool iris-devtester held the registry's lock for over ${this.#timeoutMs} ms.`,
      state: `Registry ${this.#registryPath}, lock ${lockPath}. ${state}`,
      remedy: `try again, or find the process that holds the lock: fuser ${shellQuoted(lockPath)}`,
      registryPath: this.#registryPath,
      lockPath,
      timeoutMs: this.#timeoutMs,
      lockOwner: "the Python tool iris-devtester",
      cause,
    });
  }
}
