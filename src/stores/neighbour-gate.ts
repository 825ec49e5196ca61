import { PortAssignmentTimeoutError } from "../errors/errors.ts";
import { shellQuoted } from "../settings/command-text.ts";
import { fileNames } from "./file-names.ts";
import { lockNeighbour, mayBeInside, NeighbourBusyError, type NeighbourLock } from "./neighbour-lock.ts";

/** How long after its last activity the Python tool counts as active. */
const ACTIVE_MS = 2_000;
const LINE_FEED = 0x0a;

/** When the Python tool was last seen working on a registry. */
const lastActivity = new Map<string, number>();

/** Keeps the Python tool away from the document while one change of ours is made; its lock is taken only when needed. */
export class NeighbourGate {
  readonly #registryPath: string;
  readonly #timeoutMs: number;
  readonly #deadline: number;
  #lock: NeighbourLock | undefined;

  constructor(registryPath: string, timeoutMs: number) {
    this.#registryPath = registryPath;
    this.#timeoutMs = timeoutMs;
    this.#deadline = performance.now() + timeoutMs;
  }

  /**
   * If the tool is active, waits until it has left and keeps it out. Returns true in this case: what was read before may be
   * outdated. `state` is part of the error if the tool does not leave in time.
   * @throws PortAssignmentTimeoutError
   */
  async shut(state = "Nothing was changed."): Promise<boolean> {
    if (this.isShut) return false;
    if (mayBeInside(this.#registryPath)) this.noteActivity();
    else if (!this.#isActive) return false;
    this.open();
    try {
      this.#lock = await lockNeighbour(this.#registryPath, this.#deadline - performance.now());
    } catch (cause) {
      throw cause instanceof NeighbourBusyError ? this.#timeout(state, cause) : cause;
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
    lastActivity.set(this.#registryPath, performance.now());
  }

  get #isActive(): boolean {
    return performance.now() - (lastActivity.get(this.#registryPath) ?? Number.NEGATIVE_INFINITY) < ACTIVE_MS;
  }

  /** True while the tool is kept out for certain. */
  get isShut(): boolean {
    return this.#lock?.isAtPath() ?? false;
  }

  open(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  #timeout(state: string, cause: NeighbourBusyError): PortAssignmentTimeoutError {
    const lockPath = fileNames(this.#registryPath).neighbourLock;
    return new PortAssignmentTimeoutError({
      what: `The Python tool iris-devtester held the registry's lock for over ${this.#timeoutMs} ms.`,
      state: `Registry ${this.#registryPath}, lock ${lockPath}. ${state}`,
      remedy: `run it again, or find the process that holds the lock: fuser ${shellQuoted(lockPath)}`,
      registryPath: this.#registryPath,
      lockPath,
      timeoutMs: this.#timeoutMs,
      lockOwner: "the Python tool iris-devtester",
      cause,
    });
  }
}
