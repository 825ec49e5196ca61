import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { PortRegistry } from "../src/ports.ts";
import { type Measurement, medianMsAsync, quantile, scratchDirectory } from "./measure.ts";

const VARIANTS = [
  { label: "durable, engine asked", isDurable: true, isEngineAsked: true },
  { label: "not durable, engine asked", isDurable: false, isEngineAsked: true },
  { label: "durable, no engine", isDurable: true, isEngineAsked: false },
  { label: "not durable, no engine", isDurable: false, isEngineAsked: false },
] as const;

/** Assign + release by one process, in milliseconds a cycle. */
export async function measureAlone(): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const { label, isDurable, isEngineAsked } of VARIANTS) {
    using scratch = scratchDirectory();
    const registry = new PortRegistry({
      registryPath: join(scratch.path, "registry.json"),
      portRange: [23_000, 23_031],
      isDurable,
      ...(isEngineAsked ? {} : { engine: false as const }),
    });
    const value = await medianMsAsync(500, async () => {
      await registry.assignPort(scratch.path);
      await registry.releasePort(scratch.path);
    });
    rows.push({
      name: `assign + release, ${label}`,
      value,
      unit: "ms",
      ...(isEngineAsked ? { reach: "<= 1.9 ms" } : {}),
    });
  }
  return rows;
}

/** Assign + release beside 10, 100 and 1,000 other assignments. */
export async function measureEntries(): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  let ten = Number.NaN;
  for (const count of [10, 100, 1_000]) {
    using scratch = scratchDirectory();
    const registry = new PortRegistry({
      registryPath: join(scratch.path, "registry.json"),
      portRange: [21_000, 21_000 + count + 20],
      isDurable: false,
      engine: false,
    });
    for (let index = 0; index < count; index++) await registry.assignPort(join(scratch.path, `project-${index}`));
    const value = await medianMsAsync(300, async () => {
      await registry.assignPort(scratch.path);
      await registry.releasePort(scratch.path);
    });
    if (count === 10) ten = value;
    const ratio = { to: "10 entries", factor: value / ten };
    rows.push({
      name: `assign + release beside ${count} entries`,
      value,
      unit: "ms",
      ratio,
      ...(count === 1_000 ? { reach: "<= 2x of 10 entries" } : {}),
    });
  }
  return rows;
}

type Seen = { waits: number[]; held: [port: number, from: string, to: string][]; errors: number };

/** Eight processes at once for some seconds each. */
export async function measureContended(seconds: number): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const { label, isDurable, isEngineAsked } of VARIANTS) {
    using scratch = scratchDirectory();
    const ready = await Promise.all(
      Array.from({ length: 8 }, (_, index) => contender(scratch.path, `p${index}`, seconds, isDurable, isEngineAsked)),
    );
    const seen = await Promise.all(ready.map((begin) => begin()));
    const waits = seen.flatMap((one) => one.waits);
    const cycles = seen.reduce((sum, one) => sum + one.held.length, 0);
    const name = (what: string) => `8 processes, ${label}: ${what}`;
    rows.push(
      {
        name: name("cycles"),
        value: cycles / seconds,
        unit: "cycles/s",
        ...(isEngineAsked ? { reach: ">= 960 cycles/s" } : {}),
      },
      { name: name("wait p50"), value: quantile(waits, 0.5), unit: "ms" },
      { name: name("wait p99"), value: quantile(waits, 0.99), unit: "ms" },
      { name: name("wait max"), value: quantile(waits, 1), unit: "ms", reach: "<= 500 ms" },
      { name: name("errors"), value: seen.reduce((sum, one) => sum + one.errors, 0), unit: "count", reach: "0" },
      { name: name("ports held by two"), value: overlaps(seen.flatMap((one) => one.held)), unit: "count", reach: "0" },
    );
  }
  return rows;
}

/** A process that begins when all of them are ready. */
async function contender(
  directory: string,
  name: string,
  seconds: number,
  isDurable: boolean,
  isEngineAsked: boolean,
): Promise<() => Promise<Seen>> {
  const script = fileURLToPath(new URL("contender.ts", import.meta.url));
  const args = [script, directory, name, String(seconds), String(isDurable), String(isEngineAsked)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const output = text(child.stdout);
  await once(child.stdout, "data");
  return async () => {
    child.stdin.write("go\n");
    const [, report] = (await output).split("\n");
    return JSON.parse(report as string) as Seen;
  };
}

/** How often a port was held by a second process before the first had begun to give it back. */
function overlaps(held: readonly [port: number, from: string, to: string][]): number {
  const sorted = held
    .map(([port, from, to]) => ({ port, from: BigInt(from), to: BigInt(to) }))
    .sort((a, b) => (a.from < b.from ? -1 : 1));
  const heldUntil = new Map<number, bigint>();
  let count = 0;
  for (const { port, from, to } of sorted) {
    if (from < (heldUntil.get(port) ?? 0n)) count++;
    heldUntil.set(port, to);
  }
  return count;
}
