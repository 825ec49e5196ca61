import { durationOption } from "./duration-option.ts";

/** Converts `--wait DURATION` to options of the registry; each new place in the queue is printed on stderr. */
export function waitOptions(text: string) {
  const waitTimeoutMs = durationOption("--wait", text);
  let saidPosition: number | undefined;
  return {
    waitTimeoutMs,
    onWait: ({ position }: { position: number }) => {
      if (position === saidPosition) return;
      saidPosition = position;
      process.stderr.write(
        `iris-ports: all ports are taken; waiting up to ${waitTimeoutMs / 1_000} s, place ${position} in the queue\n`,
      );
    },
  };
}
