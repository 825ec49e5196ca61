import { startDeadline } from "../../errors/deadline.ts";
import { OpenRequests } from "./open-requests.ts";

/** The time-out of work, and the error if it takes longer or is aborted. */
export type TimeLimit = {
  readonly timeoutMs: number;
  readonly late: () => Error;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Gives up work with an engine that takes too long, and closes its requests.
 * @param work gets a function that lifts the limit
 */
export async function withinTime<T>(
  { timeoutMs, late, signal }: TimeLimit,
  work: (lift: () => void) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const requests = new OpenRequests();
  const given = Promise.withResolvers<never>();
  const give = (up: unknown) => {
    given.reject(up);
    requests.giveUp();
  };
  const abort = () => give(signal?.reason);
  const deadline = startDeadline(timeoutMs, () => give(late()));
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([requests.during(() => work(() => deadline[Symbol.dispose]())), given.promise]);
  } finally {
    deadline[Symbol.dispose]();
    signal?.removeEventListener("abort", abort);
  }
}
