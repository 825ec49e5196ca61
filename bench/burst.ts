import { join } from "node:path";
import lockfile from "proper-lockfile";
import { PortRegistry } from "../src/ports.ts";
import { type Measurement, makeDirectory, quantile, scratchDirectory } from "./measure.ts";
import { type Answer, Workers } from "./workers.ts";

const ROUNDS = 9;
const COUNTS = [10, 50, 100];
const FIRST_PORT = 21_000;

type Side = { readonly name: string; readonly workers: Workers; readonly times: number[]; timeouts: number };

/**
 * Many processes that ask at once, of iris-ports and of the Python tool in turns: the time until the last one has its
 * answer.
 */
export async function measureBurst(python: string | undefined): Promise<Measurement[]> {
  using scratch = scratchDirectory();
  using ours = await Workers.start(Math.max(...COUNTS));
  using theirs = python ? await Workers.start(Math.max(...COUNTS), python) : undefined;
  const rows: Measurement[] = [];
  for (const isEnough of [true, false]) {
    for (const count of isEnough ? COUNTS : COUNTS.slice(1)) {
      const sides: Side[] = [{ name: "iris-ports", workers: ours, times: [], timeouts: 0 }];
      if (theirs) sides.push({ name: "Python", workers: theirs, times: [], timeouts: 0 });
      for (let round = 0; round < ROUNDS; round++)
        for (const side of sides) await runRound(side, count, isEnough, scratch.path, round);
      const title = `${count} at once${isEnough ? "" : " on 10 ports"}`;
      rows.push(...compared(title, sides, isEnough ? "<= 0.33x" : "<= 0.5x"));
    }
  }
  return rows;
}

async function runRound(side: Side, count: number, isEnough: boolean, scratch: string, round: number): Promise<void> {
  const ports = isEnough ? 2 * Math.max(...COUNTS) : 10;
  const startedAt = performance.now();
  const answers = await side.workers.run(
    Array.from({ length: count }, (_, index) => ({
      registry: join(scratch, `${side.name}-${count}-${isEnough}-${round}`, "registry.json"),
      range: [FIRST_PORT, FIRST_PORT + ports - 1],
      project: makeDirectory(join(scratch, `project-${index}`)),
      isKept: true,
    })),
  );
  side.times.push(performance.now() - startedAt);
  side.timeouts += timeoutsOf(answers);
}

function compared(title: string, sides: readonly Side[], reach: string): Measurement[] {
  const theirs = sides[1];
  const rows = sides.map(({ name, times }) => {
    const row = (what: string, fraction: number) => ({
      name: `${title}, ${name}: ${what}`,
      value: quantile(times, fraction),
      unit: "ms" as const,
      ...(theirs && name !== theirs.name
        ? { ratio: { to: "Python", factor: quantile(times, fraction) / quantile(theirs.times, fraction) }, reach }
        : {}),
    });
    return [row("median", 0.5), row("worst", 1)];
  });
  const timeouts = sides.map(({ name, timeouts }) => ({
    name: `${title}, ${name}: time-outs`,
    value: timeouts,
    unit: "count" as const,
    ...(name === theirs?.name ? {} : { reach: "0" }),
  }));
  return [...rows.flat(), ...timeouts];
}

/** How many calls ended because the lock was not obtained in time. */
export function timeoutsOf(answers: readonly Answer[]): number {
  return answers.reduce((sum, { refusals }) => sum + (refusals["PORT_ASSIGNMENT_TIMEOUT"] ?? 0), 0);
}

/**
 * Processor time, in milliseconds per second, of a process that waits for the lock, or for a port, that another process
 * holds.
 */
export async function measureWaiter(): Promise<Measurement[]> {
  using scratch = scratchDirectory();
  using workers = await Workers.start(1);
  const waitMs = 4_000;
  const task = {
    registry: join(scratch.path, "registry.json"),
    range: [FIRST_PORT, FIRST_PORT] as const,
    project: makeDirectory(join(scratch.path, "waiter")),
    isKept: true,
  };
  const registry = new PortRegistry({ registryPath: task.registry, portRange: task.range });
  await registry.assignPort(makeDirectory(join(scratch.path, "holder")));
  const queued = await workers.run([{ ...task, waitTimeoutMs: waitMs }]);
  await registry.releasePort(join(scratch.path, "holder"));
  const release = lockfile.lockSync(task.registry, {
    lockfilePath: `${task.registry}.lock`,
    realpath: false,
    update: 500,
  });
  const locked = await workers.run([{ ...task, lockTimeoutMs: waitMs }]);
  release();
  const row = (name: string, [answer]: readonly Answer[]) => {
    const value = (answer?.cpuMs ?? Number.NaN) / (waitMs / 1_000);
    return { name, value, unit: "ms", reach: "<= 20 ms" } as const;
  };
  return [
    row("processor time of a waiter for the lock, per second", locked),
    row("processor time of a waiter for a port, per second", queued),
  ];
}
