import fs from "node:fs";

/** How long `npm run chaos -- --minutes N` asks for; 0 in `npm test`, which has only seconds for it. */
export const CHAOS_MINUTES = Number(process.env["CHAOS_MINUTES"] ?? 0);
/** True where there is time for what takes minutes, and for installing what it needs. */
export const isLongRun = CHAOS_MINUTES > 0;

/** So long a test that could go on for ever goes on. */
export function durationMs(shortMs: number): number {
  return isLongRun ? CHAOS_MINUTES * 60_000 : shortMs;
}

/** So often a test does what it counts: ten minutes are enough for all of it. */
export function repetitions(short: number, long: number): number {
  return isLongRun ? Math.max(short, Math.round(long * Math.min(1, CHAOS_MINUTES / 10))) : short;
}

/** What a chaos test counted; `violations` must be 0 everywhere. */
export type Figures = Readonly<Record<string, number>> & { readonly violations: number };

/** Prints what a test did, and leaves it for `npm run chaos`, which adds up what all did. */
export function report(test: string, figures: Figures): void {
  const counted = Object.entries(figures).map(([name, count]) => `${count.toLocaleString("en")} ${name}`);
  console.log(`${test}: ${counted.join(", ")}`);
  const path = process.env["CHAOS_FIGURES"];
  if (path !== undefined) fs.appendFileSync(path, `${JSON.stringify({ test, figures })}\n`);
}

/** A seed of this run's own; `CHAOS_SEED` repeats another's, as far as the scheduler permits. */
export const SEED = Number(process.env["CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
