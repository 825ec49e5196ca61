import { expect, onTestFinished, test, vi } from "vitest";
import { poolsAt } from "../../src/registry/open-store.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import type { PortRegistryOptions } from "../../src/registry/registry-options.ts";
import { closeSessions } from "../../src/stores/redis/redis-sessions.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { RedisServer } from "../helpers/redis-server.ts";

async function open(options: PortRegistryOptions): Promise<PortRegistry> {
  onTestFinished(closeSessions);
  return new PortRegistry({ portRange: await freePorts(3), ...options });
}

test("the pools of a server are listed with the store of each", async () => {
  const server = await RedisServer.start();
  const other = server.url("name=b", "default:secret@");
  for (const registryPath of [other, server.url("name=a")])
    await (await open({ registryPath, engine: false })).assignPort("/p/a", { waitTimeoutMs: 10_000 });
  const pools = await poolsAt(server.url("replicas=0&name=c", "default:secret@"), "--registry");
  expect(pools.map(({ name }) => name)).toEqual(["a", "b"]);
  for (const { store } of pools)
    expect(await (await open({ store, engine: false })).getAssignment("/p/a")).toMatchObject({ projectPath: "/p/a" });
});

test("without a name, each engine has a pool of its own, whatever its address", async () => {
  const server = await RedisServer.start();
  const engines = [new FakeEngine(), new FakeEngine(), new FakeEngine()] as const;
  engines[1].endpoint = "tcp://the-same-engine:2375";
  engines[2].id = "ANOTHER:ENGINE";
  const registries = await Promise.all(engines.map((engine) => open({ registryPath: server.url(""), engine })));
  await registries[0]?.assignPort("/p/a", { waitTimeoutMs: 10_000 });
  const seen = await Promise.all(registries.map(async (registry) => (await registry.listAll()).length));
  expect(seen).toEqual([1, 1, 0]);
  const [pool, ...others] = await poolsAt(server.url("name=c"), "--registry");
  expect([pool?.name, others]).toEqual(["FAKE:ENGINE", []]);
  expect(await (await open({ store: pool?.store, engine: false })).listAll()).toMatchObject([{ projectPath: "/p/a" }]);
});

test("without a name and without an engine's ID, there is no pool, and the error says what names one", async () => {
  const server = await RedisServer.start();
  const down = new FakeEngine();
  down.isReachable = false;
  const nameless = new FakeEngine();
  Object.assign(nameless, { identify: undefined });
  for (const engine of [false, down, nameless] as const) {
    await expect((await open({ registryPath: server.url(""), engine })).listAll()).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      remedy: "start the container engine, or add a name to the URL: ?name=ci",
    });
  }
});

test("a Redis URL of the environment is used, and an invalid one is named with its variable", async () => {
  const server = await RedisServer.start();
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("IRIS_PORT_REGISTRY", server.url());
  expect((await open({ engine: false })).registryAddress).toBe(server.url());
  vi.stubEnv("IRIS_PORT_REGISTRY", server.url("nmae=test"));
  await expect(open({ engine: false })).rejects.toThrow(/^IRIS_PORT_REGISTRY has an unknown parameter "nmae"/);
});
