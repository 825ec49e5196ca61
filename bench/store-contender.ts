// One process that contends for a registry with several clients: each assigns and releases until the time is up.
import { once } from "node:events";
import { PortRegistry } from "../src/ports.ts";
import { uniqueProcessHolder } from "../src/registry/holder.ts";

const [registryPath = "", name = "", clients, seconds, isDurable] = process.argv.slice(2);
const registries = Array.from(
  { length: Number(clients) },
  () =>
    new PortRegistry({
      registryPath,
      portRange: [23_000, 23_199],
      isDurable: isDurable === "true",
      engine: false,
      lockTimeoutMs: 30_000,
    }),
);
const waits: number[] = [];
let cycles = 0;
let errors = 0;
await registries[0]?.assignPort(name);
await registries[0]?.releasePort(name);
process.stdout.write("ready\n");
await once(process.stdin, "data");
process.stdin.unref();
const end = performance.now() + Number(seconds) * 1_000;
await Promise.all(registries.map((registry, index) => contend(registry, `${name}/${index}`)));
process.stdout.write(JSON.stringify({ waits, cycles, errors }));

async function contend(registry: PortRegistry, project: string): Promise<void> {
  const holder = await uniqueProcessHolder();
  while (performance.now() < end) {
    const startedAt = performance.now();
    try {
      await registry.assignPort(project, { holder });
      const assignedAt = performance.now();
      await registry.releasePort(project, { holder });
      waits.push(assignedAt - startedAt, performance.now() - assignedAt);
      cycles++;
    } catch (error) {
      errors++;
      process.stderr.write(`${error}\n`);
    }
  }
}
