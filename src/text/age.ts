const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** An age in its largest unit: `5 d`, `3 h`, `12 min`, `8 s`. A time in the future gives `0 s`. */
export function formatAge(since: Date, now: Date): string {
  const ms = Math.max(0, now.getTime() - since.getTime());
  const [unit, size] = UNITS.find(([, unitMs]) => ms >= unitMs) ?? ["s", 1_000];
  return `${Math.floor(ms / size)} ${unit}`;
}
