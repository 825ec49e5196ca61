// One of many processes on one registry: reads one task per line, and prints one line with the result of each.
import { join } from "node:path";
import { createInterface } from "node:readline";
import { IrisPortsError } from "../src/errors/base.ts";
import { PortRegistry } from "../src/ports.ts";
import { scratchDirectory } from "./measure.ts";
import type { Answer, Task } from "./workers.ts";

await warmUp();
process.stdout.write("{}\n");
for await (const line of createInterface(process.stdin)) {
  const task = JSON.parse(line) as Task;
  process.stdout.write(`${JSON.stringify(await answer(task))}\n`);
}

/** Loads the modules that the first call needs. */
async function warmUp(): Promise<void> {
  using scratch = scratchDirectory();
  const registry = new PortRegistry({ registryPath: join(scratch.path, "registry.json"), portRange: [20_900, 20_999] });
  await registry.assignPort(scratch.path);
  await registry.releasePort(scratch.path);
}

async function answer(task: Task): Promise<Answer> {
  const registry = new PortRegistry({
    registryPath: task.registry,
    portRange: task.range,
    isDurable: task.isDurable ?? true,
    lockTimeoutMs: task.lockTimeoutMs ?? 5_000,
    ...(task.isEngineAsked === false ? { engine: false } : {}),
  });
  const seen = { waits: [] as number[], held: [] as Answer["held"][number][], refusals: {} as Record<string, number> };
  const cpu = process.cpuUsage();
  const end = performance.now() + (task.seconds ?? 0) * 1_000;
  do {
    const startedAt = performance.now();
    try {
      const { port } = await registry.assignPort(task.project, { waitTimeoutMs: task.waitTimeoutMs ?? 0 });
      const from = String(process.hrtime.bigint());
      seen.waits.push(performance.now() - startedAt);
      if (task.isKept) continue;
      const to = String(process.hrtime.bigint());
      const releasedAt = performance.now();
      await registry.releasePort(task.project);
      seen.held.push([port, from, to]);
      seen.waits.push(performance.now() - releasedAt);
    } catch (error) {
      if (!(error instanceof IrisPortsError)) throw error;
      seen.waits.push(performance.now() - startedAt);
      seen.refusals[error.code] = (seen.refusals[error.code] ?? 0) + 1;
    }
  } while (performance.now() < end);
  const { user, system } = process.cpuUsage(cpu);
  return { ...seen, cpuMs: (user + system) / 1_000 };
}
