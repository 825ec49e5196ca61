const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** The format of durations, for messages. */
export const DURATION_EXAMPLES = "seconds, or a number with its unit: 90, 90s, 5m, 1h";

/** Parses seconds, or a number with `s`, `m` or `h`, to whole milliseconds; undefined for anything else. */
export function parseDurationMs(text: string): number | undefined {
  const [, amount, unit = "s"] = /^(\d{1,6}(?:\.\d{1,3})?)\s*([smh])?$/.exec(text.trim()) ?? [];
  // Timers take whole milliseconds only, and 4.1 * 60,000 is not whole.
  return amount === undefined ? undefined : Math.round(Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]);
}
