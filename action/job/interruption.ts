import { constants } from "node:os";

/** The runner cancels the job: SIGINT, 7.5 s later SIGTERM, 2.5 s later the end. */
export class InterruptedError extends Error {
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`cancelled by ${signal}`);
    this.name = "InterruptedError";
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** Aborted by the first SIGINT or SIGTERM; the same once more ends the process, and leaves the rest to post. */
export function interruptionSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => controller.abort(new InterruptedError(signal)));
  }
  return controller.signal;
}

/** Stops waiting when the signal is aborted; what was waited for goes on by itself. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    // Also where it is too late: work that nobody waits for would end the process if it failed.
    return await Promise.race([aborted.promise, work]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Ends this process when all is written, also where something that was given up still runs. */
export function endProcess(): void {
  process.stdout.write("", () => process.exit());
}
