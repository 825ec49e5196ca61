import { join } from "node:path";
import { PortExhaustedError, PortRegistry } from "../src/ports.ts";
import { timeoutsOf } from "./burst.ts";
import { type Measurement, makeDirectory, medianMsAsync, quantile, scratchDirectory } from "./measure.ts";
import { type Answer, Workers } from "./workers.ts";

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
      ...(isEngineAsked ? { reach: isDurable ? "<= 1.5 ms" : "<= 1.1 ms" } : {}),
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
    for (let index = 0; index < count; index++)
      await registry.assignPort(makeDirectory(join(scratch.path, `project-${index}`)));
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

/** A refused assignment beside a granted one: ten ports, each held by another project. */
export async function measureRefused(): Promise<Measurement[]> {
  using scratch = scratchDirectory();
  const options = { registryPath: join(scratch.path, "registry.json"), portRange: [22_000, 22_010] } as const;
  const registry = new PortRegistry(options);
  const full = new PortRegistry({ ...options, portRange: [22_000, 22_009] });
  const project = (name: unknown) => makeDirectory(join(scratch.path, `project-${name}`));
  for (let index = 0; index < 10; index++) await full.assignPort(project(index));
  const granted = await medianMsAsync(300, () => registry.assignPort(project("granted")), {
    after: () => registry.releasePort(project("granted")),
  });
  const refused = await medianMsAsync(300, () => full.assignPort(project("refused")).catch(expectExhausted));
  const ratio = { to: "a granted one", factor: refused / granted };
  return [
    { name: "a granted assignment beside ten others", value: granted, unit: "ms" },
    { name: "a refused assignment, all ten ports taken", value: refused, unit: "ms", ratio, reach: "<= 2x" },
  ];
}

function expectExhausted(error: unknown): void {
  if (!(error instanceof PortExhaustedError)) throw error;
}

/** Eight processes at once for some seconds each, beside as many of the Python tool's. */
export async function measureContended(seconds: number, python: string | undefined): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  using ours = await Workers.start(8);
  using theirs = python ? await Workers.start(8, python) : undefined;
  for (const { label, isDurable, isEngineAsked } of VARIANTS) {
    using scratch = scratchDirectory();
    const hammer = (workers: Workers, name: string) =>
      workers.run(
        Array.from({ length: 8 }, (_, index) => ({
          registry: join(scratch.path, `${name}.json`),
          range: [23_000, 23_031] as const,
          project: makeDirectory(join(scratch.path, `project-${index}`)),
          seconds,
          isDurable,
          isEngineAsked,
        })),
      );
    const seen = await hammer(ours, "ours");
    const waits = seen.flatMap((one) => one.waits);
    const cyclesOf = (answers: readonly Answer[]) => answers.reduce((sum, one) => sum + one.held.length, 0) / seconds;
    const cycles = { name: `8 processes, ${label}: cycles`, value: cyclesOf(seen), unit: "cycles/s" } as const;
    // The Python tool never flushes, so one of its runs is compared with both.
    const beside = theirs && isEngineAsked ? cyclesOf(await hammer(theirs, "theirs")) : undefined;
    const reach = isDurable ? ">= 3x" : ">= 5x";
    rows.push(
      beside === undefined ? cycles : { ...cycles, ratio: { to: "Python", factor: cycles.value / beside }, reach },
      ...(beside === undefined
        ? []
        : [{ name: `8 processes, ${label}: cycles of Python`, value: beside, unit: "cycles/s" } as const]),
      { name: `8 processes, ${label}: wait p50`, value: quantile(waits, 0.5), unit: "ms" },
      {
        name: `8 processes, ${label}: wait p99`,
        value: quantile(waits, 0.99),
        unit: "ms",
        ...(isEngineAsked ? { reach: "<= 40 ms" } : {}),
      },
      { name: `8 processes, ${label}: wait max`, value: quantile(waits, 1), unit: "ms" },
      { name: `8 processes, ${label}: time-outs`, value: timeoutsOf(seen), unit: "count", reach: "0" },
      {
        name: `8 processes, ${label}: ports held by two`,
        value: overlaps(seen.flatMap((one) => one.held)),
        unit: "count",
        reach: "0",
      },
    );
  }
  return rows;
}

/** How often a second process held a port before the first had begun to release it. */
function overlaps(held: readonly Answer["held"][number][]): number {
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
