import { InvalidArgumentError } from "../errors/errors.ts";
import { DURATION_EXAMPLES, parseDurationMs } from "../settings/duration.ts";

/** The longest time that a Node timer can wait. */
const LONGEST_MS = 2 ** 31 - 1;

/** An option's duration in milliseconds. @throws InvalidArgumentError */
export function durationOption(option: string, text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs !== undefined && durationMs <= LONGEST_MS) return durationMs;
  throw new InvalidArgumentError({
    what: `${option} ${durationMs === undefined ? "is not a duration" : "is longer than 24 days"}: ${JSON.stringify(text)}.`,
    state: "No port was assigned.",
    remedy: `give ${DURATION_EXAMPLES}.`,
    argument: option,
    value: text,
  });
}
