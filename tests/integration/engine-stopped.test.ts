import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getContainerRuntimeClient, type WaitStrategy } from "testcontainers";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ContainerEngineError, ContainerStartError, type PortProbe } from "../../src/index.ts";
import { bindProbe } from "../../src/registry/host/port-probe.ts";
import { ContainerBench, isStandin } from "../helpers/container-bench.ts";
import { dockerCli, eventually } from "../helpers/engine.ts";
import { EngineProxy } from "../helpers/engine-proxy.ts";

// Of this file alone: every test file has its own Testcontainers, which looks for the engine once.
const directory = mkdtempSync(join(tmpdir(), "iris-ports-proxy-"));
const proxy = new EngineProxy(join(directory, "docker.sock"));
const dockerHost = process.env.DOCKER_HOST;

beforeAll(async () => {
  await proxy.start();
  process.env.DOCKER_HOST = `unix://${proxy.socketPath}`;
  // It would look for another engine if this one were away at first.
  await getContainerRuntimeClient();
});

afterEach(async () => {
  await proxy.stop();
  await proxy.start();
});

afterAll(async () => {
  await proxy.stop();
  if (dockerHost === undefined) delete process.env.DOCKER_HOST;
  else process.env.DOCKER_HOST = dockerHost;
  rmSync(directory, { recursive: true });
});

/** `docker` on the engine itself, which runs all the time. */
const isRunning = async (id: string) =>
  (await dockerCli(["--host", "unix:///var/run/docker.sock", "inspect", "--format", "{{.State.Running}}", id])).stdout;

test("an engine that is stopped and started between two starts is found again, on the same port", async () => {
  const bench = await ContainerBench.create();
  const first = await bench.iris().start();
  await first.stop();
  await proxy.stop();
  const start = bench.iris().start();
  await expect(start).rejects.toThrow(ContainerEngineError);
  await expect(start).rejects.toThrow(/No container engine answers at unix:.*docker\.sock/);
  await proxy.start();
  await bench.expectNothingLeft();
  await using again = await bench.iris().start();
  expect(again.getPort()).toBe(first.getPort());
});

test("an engine that stops between assignment and start leaves no assignment, and the next start reclaims the rest", async () => {
  const bench = await ContainerBench.create();
  let isStopped = false;
  const probe: PortProbe = async (port) => {
    const isFree = await bindProbe(port);
    if (isFree && !isStopped) {
      isStopped = true;
      await proxy.stop();
    }
    return isFree;
  };
  const start = bench.iris().withRegistry(bench.registry({ probe })).start();
  await expect(start).rejects.toThrow(ContainerEngineError);
  expect(await bench.registry({ engine: false }).listAll()).toEqual([]);
  await proxy.start();
  await using iris = await bench.iris().start();
  expect(iris.getPort()).toBe(bench.range[0]);
  expect(await bench.containers()).toHaveLength(1);
});

test.runIf(isStandin)("an engine that stops while IRIS starts ends the start, long before its time-out", async () => {
  const bench = await ContainerBench.create();
  const environment = { IRIS_STANDIN_START_MS: "600000" };
  const start = bench.iris().withEnvironment(environment).withStartupTimeout(600_000).start();
  const failed = expect(start).rejects.toThrow(ContainerEngineError);
  await eventually(async () => {
    const [name = ""] = await bench.containers();
    return (await dockerCli(["logs", name])).stdout.includes("Starting InterSystems IRIS") || undefined;
  });
  await proxy.stop();
  await failed;
});

test("a connection that breaks while a strategy waits is the engine's failure only if the engine does not answer", async () => {
  const bench = await ContainerBench.create();
  const hungUp = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
  const breaking = (before: () => Promise<void>): WaitStrategy => ({
    waitUntilReady: async () => {
      await before();
      throw hungUp;
    },
    withStartupTimeout: () => breaking(before),
    getStartupTimeout: () => 60_000,
    isStartupTimeoutSet: () => true,
  });
  const start = (before: () => Promise<void>) => bench.iris().withWaitStrategy(breaking(before)).start();
  await expect(start(async () => {})).rejects.toThrow(ContainerStartError);
  await expect(start(() => proxy.stop())).rejects.toThrow(ContainerEngineError);
});

test("a container cannot be removed while the engine is away; stop() says so, and works when it is back", async () => {
  const bench = await ContainerBench.create();
  const iris = await bench.iris().start();
  await proxy.stop();
  await expect(iris.stop()).rejects.toThrow(ContainerEngineError);
  const kept = await bench.registry({ engine: false }).inspect(bench.project());
  expect(kept?.port).toBe(iris.getPort());
  // Starts of the project would wait for a user that is leaving.
  expect(kept?.holders.map(({ isLeaving = false }) => isLeaving)).toEqual([false]);
  await proxy.start();
  expect(await isRunning(iris.getId())).toBe("true\n");
  await iris.stop();
  await bench.expectNothingLeft();
});

test("a joined container survives a short stop of the engine", async () => {
  const bench = await ContainerBench.create();
  await using maker = await bench.iris().start();
  await proxy.stop();
  await proxy.start();
  await using joined = await bench.iris().start();
  expect(joined.getId()).toBe(maker.getId());
});
