import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import { PortAssignmentTimeoutError } from "../../errors/errors.ts";

const debug = createDebug("iris-ports:acquire");

const RETRY_MS = 100;
/** How often somebody who waits looks for what nobody announces: a holder that died. */
export const QUEUE_LOOK_MS = 2_000;

/** How long somebody has waited, and how long they will. */
export class WaitBudget {
  readonly #startedAt = performance.now();
  readonly #waitTimeoutMs: number;
  #cleanedAt = Number.NEGATIVE_INFINITY;
  #leavingSince: number | undefined;

  constructor(waitTimeoutMs: number) {
    this.#waitTimeoutMs = waitTimeoutMs;
  }

  get waitedMs(): number {
    return performance.now() - this.#startedAt;
  }

  get leftMs(): number {
    return this.#waitTimeoutMs - this.waitedMs;
  }

  get isWaiting(): boolean {
    return this.leftMs > 0;
  }

  /** Does `work` once more where only the registry's lock could not be had, for as long as it waits anyway. */
  async with<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof PortAssignmentTimeoutError) || !this.isWaiting) throw error;
        debug("waiting on: %s", error.what);
        await delay(RETRY_MS);
      }
    }
  }

  /** True until the first cleaning. */
  get isFresh(): boolean {
    return this.#cleanedAt === Number.NEGATIVE_INFINITY;
  }

  /** True when a holder may have died since the last cleaning. */
  get isCleaningDue(): boolean {
    return performance.now() - this.#cleanedAt > QUEUE_LOOK_MS;
  }

  cleaned(): void {
    this.#cleanedAt = performance.now();
  }

  /** How long somebody has been seen leaving without a break. */
  get leavingMs(): number {
    this.#leavingSince ??= performance.now();
    return performance.now() - this.#leavingSince;
  }

  endLeaving(): void {
    this.#leavingSince = undefined;
  }
}
