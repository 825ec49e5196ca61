import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One measured figure; `ratio` compares it with another of the same run. */
export type Measurement = {
  readonly name: string;
  readonly value: number;
  readonly unit: "us" | "ms" | "cycles/s" | "count" | "kB";
  readonly ratio?: { readonly to: string; readonly factor: number };
  readonly reach?: string;
};

/** The median time of a call, in milliseconds, after a tenth of the runs as warm-up. */
export function medianMs(runs: number, call: () => void): number {
  const times: number[] = [];
  for (let index = 0; index < runs; index++) {
    const startedAt = performance.now();
    call();
    times.push(performance.now() - startedAt);
  }
  return quantile(times.slice(Math.floor(runs / 10)), 0.5);
}

/** {@link medianMs} for asynchronous calls. */
export async function medianMsAsync(
  runs: number,
  call: (index: number) => Promise<unknown>,
  options: { readonly after?: () => Promise<unknown> } = {},
): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < runs; index++) {
    const startedAt = performance.now();
    await call(index);
    times.push(performance.now() - startedAt);
    await options.after?.();
  }
  return quantile(times.slice(Math.floor(runs / 10)), 0.5);
}

export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}

/** Makes a directory that may exist already. */
export function makeDirectory(path: string): string {
  fs.mkdirSync(path, { recursive: true });
  return path;
}

/** A directory of this run's own, removed when it goes out of scope. */
export function scratchDirectory(): { readonly path: string } & Disposable {
  const path = fs.mkdtempSync(join(tmpdir(), "iris-ports-bench-"));
  return { path, [Symbol.dispose]: () => fs.rmSync(path, { recursive: true, force: true }) };
}
