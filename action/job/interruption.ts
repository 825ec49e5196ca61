import { constants } from "node:os";

const LOOK_EVERY_MS = 500;

/** Thrown when the step must stop. */
export class InterruptedError extends Error {
  readonly exitCode: number;

  constructor(reason: string, exitCode: number) {
    super(reason);
    this.name = "InterruptedError";
    this.exitCode = exitCode;
  }
}

/** Tells a step that it must stop. */
export type Interruption = {
  readonly signal: AbortSignal;
  /** Checks now. @throws InterruptedError when the step must stop */
  check(): void;
};

/**
 * Aborted by the first SIGINT or SIGTERM, which is how the runner cancels a step (SIGINT, 7.5 s later SIGTERM, 2.5 s
 * later SIGKILL), by SIGHUP, which a step gets if act dies, and when `isOver` reports that the step's result is no longer
 * awaited. A repeated signal ends the process, and post does the rest.
 */
export function interruption(isOver: () => boolean): Interruption {
  const controller = new AbortController();
  const abort = (reason: string, exitCode: number) => controller.abort(new InterruptedError(reason, exitCode));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
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

/** Ends this process once its output is written, even if abandoned work still runs. */
export function endProcess(): void {
  process.stdout.write("", () => process.exit());
}
