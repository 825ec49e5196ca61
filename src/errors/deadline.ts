/** Time for a few turns of the event loop, in which a late answer is read. */
const LAST_READ_MS = 20;
/** Almost 25 days: Node's timers turn a longer time, such as `Infinity`, into 1 ms. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `late` when an answer has not arrived in time; the result lifts the deadline. In a process that got no
 * processor time for that long, timers run before an answer that has arrived is read, so the answer is read first.
 */
export function startDeadline(timeoutMs: number, late: () => void): Disposable {
  let timer = setTimeout(
    () => {
      timer = setTimeout(late, LAST_READ_MS);
    },
    Math.min(timeoutMs, LONGEST_TIMER_MS),
  );
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

/**
 * The result of `work`, unless it takes longer.
 * @throws what `late` returns
 */
export async function inTime<T>(work: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  const timeout = Promise.withResolvers<never>();
  using _ = startDeadline(timeoutMs, () => timeout.reject(late()));
  return await Promise.race([work, timeout.promise]);
}

/**
 * The result of `work`, unless the signal is aborted before; the work then continues in the background.
 * @throws the signal's reason
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    // Both are always handled, because an unawaited failure would end the process.
    return await Promise.race([aborted.promise, work]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
