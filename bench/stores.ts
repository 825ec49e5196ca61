import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { PortRegistry } from "../src/ports.ts";
import { type Measurement, medianMsAsync, quantile, scratchDirectory } from "./measure.ts";

/** How long a server that has just started gives out no port. */
const SETTLE_MS = 3_500;
const RANGE = [23_000, 23_699] as const;

type Target = { readonly name: string; readonly registryPath: (pool: string) => string; readonly isDurable: boolean };

/** The registry in a file beside the registry on a Redis server: the same work, side by side. */
export async function measureStores(seconds: number): Promise<Measurement[]> {
  using scratch = scratchDirectory();
  await using server = await startServer(scratch.path);
  const inFile = (pool: string) => join(scratch.path, pool, "registry.json");
  const durable: Target = { name: "file", registryPath: inFile, isDurable: true };
  const plain: Target = { name: "file, not durable", registryPath: inFile, isDurable: false };
  const redis: Target = { name: "Redis", registryPath: (pool) => `${server.url}?name=${pool}`, isDurable: false };
  const targets = [durable, plain, redis];
  return [
    ...(await measureAlone(durable, plain, redis)),
    ...(await measureEntries(redis)),
    ...(await measureContended(targets, seconds, 1, scratch.path)),
    ...(await measureContended(targets, seconds, 10, scratch.path)),
    ...(await measureEndurance(redis)),
  ];
}

async function measureAlone(durable: Target, plain: Target, redis: Target): Promise<Measurement[]> {
  const [first, second] = [await cycle(durable, "alone", 0), await cycle(plain, "alone", 0)];
  const third = await cycle(redis, "alone", 0);
  return [first, second, { ...third, ratio: ratio(third, second), reach: "<= 1.5x of the file, not durable" }];
}

async function measureEntries(redis: Target): Promise<Measurement[]> {
  const [few, many] = [await cycle(redis, "ten", 10), await cycle(redis, "thousand", 1_000)];
  return [few, { ...many, ratio: ratio(many, few), reach: "<= 3x of 10 entries" }];
}

async function cycle({ name, registryPath, isDurable }: Target, pool: string, entries: number): Promise<Measurement> {
  const registry = open(registryPath(pool), isDurable, [20_000, 23_699]);
  for (let index = 0; index < entries; index++)
    await registry.assignPort(`/bench/${index}`, { preferredPort: 20_000 + index });
  const value = await medianMsAsync(300, async () => {
    await registry.assignPort("/bench/cycle", { preferredPort: 23_500 });
    await registry.releasePort("/bench/cycle");
  });
  return { name: `${name}: assign + release beside ${entries} entries`, value, unit: "ms" };
}

type Seen = { waits: number[]; cycles: number; errors: number };

async function measureContended(
  targets: readonly Target[],
  seconds: number,
  clients: number,
  directory: string,
): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const { name, registryPath, isDurable } of targets) {
    const path = registryPath(`contended-${clients}`);
    const begin = await Promise.all(
      Array.from({ length: 8 }, (_, index) => contender([path, `${directory}/${index}`, clients, seconds, isDurable])),
    );
    const seen = await Promise.all(begin.map((go) => go()));
    const waits = seen.flatMap((one) => one.waits);
    const label = (what: string) => `${name}: 8 processes of ${clients}: ${what}`;
    const cycles = seen.reduce((sum, one) => sum + one.cycles, 0) / seconds;
    const durable = rows[0]?.value ?? cycles;
    const ratioToFile = { to: "the durable file", factor: cycles / durable };
    rows.push(
      { name: label("cycles"), value: cycles, unit: "cycles/s", ...(name === "file" ? {} : { ratio: ratioToFile }) },
      { name: label("wait p99"), value: quantile(waits, 0.99), unit: "ms" },
      { name: label("wait max"), value: quantile(waits, 1), unit: "ms", reach: "<= 2000 ms" },
      { name: label("errors"), value: seen.reduce((sum, one) => sum + one.errors, 0), unit: "count", reach: "0" },
    );
  }
  return rows;
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Whether heap and connections stay flat over ten thousand cycles. */
async function measureEndurance({ registryPath }: Target): Promise<Measurement[]> {
  const handles = () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length;
  const run = async (cycles: number) => {
    for (let index = 0; index < cycles; index++) {
      const registry = open(registryPath("endurance"), false, RANGE);
      await registry.assignPort("/bench/cycle");
      await registry.releasePort("/bench/cycle");
    }
    collectGarbage();
    return { heapKb: process.memoryUsage().heapUsed / 1_000, connections: handles() };
  };
  const before = await run(500);
  const after = await run(10_000);
  return [
    { name: "Redis: heap after 10,000 cycles, more than before", value: after.heapKb - before.heapKb, unit: "kB" },
    {
      name: "Redis: connections after 10,000 cycles, more than before",
      value: after.connections - before.connections,
      unit: "count",
      reach: "0",
    },
  ];
}

async function contender(words: readonly (string | number | boolean)[]): Promise<() => Promise<Seen>> {
  const script = fileURLToPath(new URL("store-contender.ts", import.meta.url));
  const child = spawn(process.execPath, [script, ...words.map(String)], { stdio: ["pipe", "pipe", "inherit"] });
  const output = text(child.stdout);
  await once(child.stdout, "data");
  return async () => {
    child.stdin.write("go\n");
    return JSON.parse((await output).split("\n")[1] as string) as Seen;
  };
}

function open(registryPath: string, isDurable: boolean, portRange: readonly [number, number]): PortRegistry {
  return new PortRegistry({ registryPath, isDurable, portRange, engine: false });
}

function ratio(row: Measurement, to: Measurement): { to: string; factor: number } {
  return { to: to.name, factor: row.value / to.value };
}

/** A `redis-server` of the run's own, with an append-only file as docs/fleet.md has it. */
async function startServer(directory: string): Promise<{ readonly url: string } & AsyncDisposable> {
  const port = await freePort();
  const options = ["--appendonly", "yes", "--save", "", "--bind", "127.0.0.1", "--dir", directory];
  const child = spawn("redis-server", ["--port", String(port), ...options], { stdio: "ignore" });
  await once(child, "spawn");
  await delay(SETTLE_MS);
  return {
    url: `redis://127.0.0.1:${port}/0`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
