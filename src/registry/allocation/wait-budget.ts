import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import { PortAssignmentTimeoutError, RegistryAccessError } from "../../errors/errors.ts";

const debug = createDebug("iris-ports:acquire");

const RETRY_MS = 100;
/** How soon a server that was restarted is asked again. */
const SERVER_RETRY_MS = 1_000;
/** How often a waiter checks for holders that have died, because nothing announces that. */
export const QUEUE_LOOK_MS = 2_000;

/** A waiter that has not taken its reserved port after this time counts as suspended, or unable to use the port. */
const RESERVATION_MS = 1_000;
/** How long a caller that does not queue waits for waiters to take their ports. */
const RESERVATION_PATIENCE_MS = 3_000;

/** How long a caller has waited, and how much longer it will. */
export class WaitBudget {
  readonly #startedAt = performance.now();
  readonly #waitTimeoutMs: number;
  #cleanedAt = Number.NEGATIVE_INFINITY;
  #removed = 0;
  #leavingSince: number | undefined;
  /** True if the registry is on a server that has answered this caller. */
  isServerKnown = false;
  readonly #reservedSince = new Map<string, number>();
  readonly #passedOver = new Set<string>();

  constructor(waitTimeoutMs: number) {
    this.#waitTimeoutMs = waitTimeoutMs;
  }

  get waitedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** How long the caller has queued; 0 for a caller that does not queue. */
  get queuedMs(): number {
    return this.#waitTimeoutMs > 0 ? this.waitedMs : 0;
  }

  get leftMs(): number {
    return this.#waitTimeoutMs - this.waitedMs;
  }

  get isWaiting(): boolean {
    return this.leftMs > 0;
  }

  /** Repeats `work` while only the registry's lock was not obtained, or its server is away, and the caller still waits. */
  async with<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const isServerAway = this.isServerKnown && error instanceof RegistryAccessError;
        if (!(isServerAway || error instanceof PortAssignmentTimeoutError) || !this.isWaiting) throw error;
        debug("waiting on: %s", error.what);
        await delay(isServerAway ? Math.min(SERVER_RETRY_MS, this.leftMs) : RETRY_MS);
      }
    }
  }

  /** True until the first cleaning, and when a holder may have died since the last. */
  get isCleaningDue(): boolean {
    return performance.now() - this.#cleanedAt > QUEUE_LOOK_MS;
  }

  cleaned(removed: number): void {
    this.#cleanedAt = performance.now();
    this.#removed += removed;
  }

  /** How many stale assignments were removed. */
  get removed(): number {
    return this.#removed;
  }

  /** Notes for which waiters free ports are reserved now; true while it makes sense to check again soon. */
  observeReservations(waiterIds: readonly string[]): boolean {
    const now = performance.now();
    for (const id of this.#reservedSince.keys()) if (!waiterIds.includes(id)) this.#reservedSince.delete(id);
    for (const id of waiterIds) {
      const since = this.#reservedSince.get(id) ?? now;
      this.#reservedSince.set(id, since);
      if (now - since > RESERVATION_MS) this.#passedOver.add(id);
    }
    return waiterIds.length > 0 && this.waitedMs < RESERVATION_PATIENCE_MS;
  }

  /** The waiters that did not take the ports reserved for them. */
  get passedOver(): ReadonlySet<string> {
    return this.#passedOver;
  }

  /** For how long the same user has been leaving without interruption. */
  get leavingMs(): number {
    this.#leavingSince ??= performance.now();
    return performance.now() - this.#leavingSince;
  }

  endLeaving(): void {
    this.#leavingSince = undefined;
  }
}
