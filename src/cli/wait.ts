import { InvalidArgumentError } from "../errors/errors.ts";

/** `--wait SECONDS` in the registry's terms; while waiting, each new place in the queue is said on stderr. */
export function waitOptions(text: string) {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(seconds)) {
    throw new InvalidArgumentError({
      what: `--wait is not a number of seconds: ${JSON.stringify(text)}.`,
      remedy: "give how long to wait for a port at most, e.g. `--wait 60`.",
      argument: "--wait",
      value: text,
    });
  }
  let saidPosition: number | undefined;
  return {
    waitTimeoutMs: seconds * 1_000,
    onWait: ({ position }: { position: number }) => {
      if (position === saidPosition) return;
      saidPosition = position;
      process.stderr.write(
        `iris-ports: all ports are taken; waiting up to ${seconds} s, place ${position} in the queue\n`,
      );
    },
  };
}
