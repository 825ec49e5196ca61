import { constants } from "node:os";

/** Ctrl-C or another signal aborts the current work in an orderly way; a second one ends the process. */
export type Interruption = Disposable & {
  readonly signal: AbortSignal;
  /** The number of the signal that came. */
  readonly signalNumber: number | undefined;
};

/** Listens until it is disposed. */
export function interruption(): Interruption {
  const controller = new AbortController();
  let signalNumber: number | undefined;
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const stop = () => {
    for (const name of names) process.off(name, abort);
  };
  const abort = (name: NodeJS.Signals) => {
    signalNumber = constants.signals[name];
    stop();
    controller.abort(new Error(`interrupted by ${name}`));
  };
  for (const name of names) process.on(name, abort);
  return {
    signal: controller.signal,
    get signalNumber() {
      return signalNumber;
    },
    [Symbol.dispose]: stop,
  };
}
