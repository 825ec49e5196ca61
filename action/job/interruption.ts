import { constants } from "node:os";

const LOOK_EVERY_MS = 500;

/** The step must not go on. */
export class InterruptedError extends Error {
  readonly exitCode: number;

  constructor(reason: string, exitCode: number) {
    super(reason);
    this.name = "InterruptedError";
    this.exitCode = exitCode;
  }
}

/** Signals a step that it must not go on. */
export type Interruption = {
  readonly signal: AbortSignal;
  /** Checks now. @throws InterruptedError when the step must not go on */
  check(): void;
};

/**
 * Aborted by the first SIGINT or SIGTERM, which is how the runner cancels a step (SIGINT, 7.5 s later SIGTERM, 2.5 s
 * later SIGKILL), and when `isOver` reports that the step's result is no longer awaited. The same signal once more ends the
 * process and leaves the rest to post.
 */
export function interruption(isOver: () => boolean): Interruption {
  const controller = new AbortController();
  const abort = (reason: string, exitCode: number) => controller.abort(new InterruptedError(reason, exitCode));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => abort(`cancelled by ${signal}`, 128 + constants.signals[signal]));
  }
  const look = () => {
    if (!controller.signal.aborted && isOver()) abort("stopped because its runner has ended", 1);
  };
  setInterval(look, LOOK_EVERY_MS).unref();
  return {
    signal: controller.signal,
    check: () => {
      look();
      controller.signal.throwIfAborted();
    },
  };
}

/** Stops waiting when the signal is aborted; the awaited work continues in the background. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    // Always handled, because an unawaited failure would end the process.
    return await Promise.race([aborted.promise, work]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Ends this process when all is written, also where something that was given up still runs. */
export function endProcess(): void {
  process.stdout.write("", () => process.exit());
}
