import { LONGEST_TIMER_MS } from "../errors/deadline.ts";
import { InvalidArgumentError } from "../errors/errors.ts";
import { DURATION_EXAMPLES, parseDurationMs } from "../settings/duration.ts";

/** An option's duration in milliseconds. @throws InvalidArgumentError */
export function durationOption(option: string, text: string, { shortestMs = 0 } = {}): number {
  const durationMs = parseDurationMs(text);
  if (durationMs !== undefined && shortestMs <= durationMs && durationMs <= LONGEST_TIMER_MS) return durationMs;
  const problem =
    durationMs === undefined
      ? "is not a duration"
      : durationMs < shortestMs
        ? "is too short"
        : "is longer than 24 days";
  throw new InvalidArgumentError({
    what: `${option} ${problem}: ${JSON.stringify(text)}.`,
    state: "No port was assigned.",
    remedy: `give ${DURATION_EXAMPLES}`,
    argument: option,
    value: text,
  });
}
