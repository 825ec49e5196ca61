// One of the processes that contend for a registry: assigns and releases until the time is up, then tells what it saw.
import { once } from "node:events";
import { join } from "node:path";
import { PortRegistry } from "../src/ports.ts";

const [directory, name, seconds, isDurable, isEngineAsked] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const registry = new PortRegistry({
  registryPath: join(directory, "registry.json"),
  portRange: [23_000, 23_031],
  isDurable: isDurable === "true",
  ...(isEngineAsked === "true" ? {} : { engine: false }),
});
const project = join(directory, name);
const waits: number[] = [];
const held: [port: number, from: string, to: string][] = [];
let errors = 0;
// Loads what the first call loads.
await registry.assignPort(project);
await registry.releasePort(project);
process.stdout.write("ready\n");
await once(process.stdin, "data");
process.stdin.unref();
const end = performance.now() + Number(seconds) * 1_000;
while (performance.now() < end) {
  const startedAt = performance.now();
  try {
    const { port } = await registry.assignPort(project);
    const from = process.hrtime.bigint();
    const assignedMs = performance.now() - startedAt;
    const to = process.hrtime.bigint();
    const releasedAt = performance.now();
    await registry.releasePort(project);
    held.push([port, String(from), String(to)]);
    waits.push(assignedMs, performance.now() - releasedAt);
  } catch (error) {
    errors++;
    process.stderr.write(`${error}\n`);
  }
}
process.stdout.write(JSON.stringify({ waits, held, errors }));
