/** After so many times its time-out, a caller gives up although the queue moves. */
const MOST = 6;

/**
 * How long a caller waits for the lock: for its time-out, which begins anew whenever the queue moves. A burst that a slow
 * machine works off refuses nobody; a lock that is stuck is reported in time.
 */
export class Patience {
  readonly #timeoutMs: number;
  readonly #begunAt = performance.now();
  #movedAt = this.#begunAt;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Another caller has obtained the lock. */
  moved(): void {
    this.#movedAt = performance.now();
  }

  /** Not positive once it is over. */
  get leftMs(): number {
    const end = Math.min(this.#movedAt + this.#timeoutMs, this.#begunAt + MOST * this.#timeoutMs);
    return end - performance.now();
  }
}
