import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { ensurePodman } from "../../scripts/chaos-tools.ts";
import { DockerodeEngine, LABEL_PROJECT } from "../../src/index.ts";
import { ContainerBench } from "../helpers/container-bench.ts";
import { docker, eventually, removeLabelled, uniqueLabel } from "../helpers/engine.ts";
import { EngineProxy } from "../helpers/engine-proxy.ts";
import { listenOn } from "../helpers/listener.ts";
import { IdleProcess } from "../helpers/processes.ts";
import { temporaryDirectory } from "../helpers/registry.ts";
import { EngineBench, listening, PATIENCE_MS } from "./engine-bench.ts";
import { durationMs, isLongRun, report } from "./figures.ts";

const REAL_ENGINE = "/var/run/docker.sock";
let savedOverride: string | undefined;
beforeEach(() => {
  savedOverride = process.env["TESTCONTAINERS_HOST_OVERRIDE"];
});
afterEach(() => {
  if (savedOverride === undefined) delete process.env["TESTCONTAINERS_HOST_OVERRIDE"];
  else process.env["TESTCONTAINERS_HOST_OVERRIDE"] = savedOverride;
});

test("an engine that comes and goes while ports are assigned delays and fails no assignment, and makes nothing stale", {
  timeout: 180_000,
}, async () => {
  const bench = await EngineBench.create(8);
  const proxy = new EngineProxy(join(temporaryDirectory(), "docker.sock"));
  await proxy.start();
  onTestFinished(() => proxy.stop());
  const registry = bench.registry(`unix://${proxy.socketPath}`, { isDurable: false });
  const idle = await IdleProcess.start();
  const kept = await registry.assignPort("/kept", { holder: idle.holder() });
  let [operations, faults, longestMs] = [0, 0, 0];
  const deadline = performance.now() + Math.min(60_000, durationMs(4_000));
  const flapping = (async () => {
    for (; performance.now() < deadline; faults++) {
      await proxy.stop();
      await delay(40 * Math.random());
      await proxy.start();
      await delay(80 * Math.random());
    }
  })();
  while (performance.now() < deadline) {
    const project = `/project-${operations++ % 4}`;
    const before = performance.now();
    await registry.assignPort(project);
    longestMs = Math.max(longestMs, performance.now() - before);
    await registry.releasePort(project);
    expect(await registry.cleanupStale()).toEqual([]);
  }
  await flapping;
  expect(longestMs).toBeLessThan(PATIENCE_MS);
  expect((await registry.assignPort("/kept")).port).toBe(kept.port);
  await idle.kill();
  report("engine: comes and goes", {
    operations: 3 * operations,
    faults,
    longestMs: Math.round(longestMs),
    violations: 0,
  });
});

/** The real engine, over TCP. */
async function overTcp(): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const engine = net.connect(REAL_ENGINE);
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy()).on("close", () => to.destroy());
      from.pipe(to);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `tcp://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

describe("an engine on another host", () => {
  test("publishes its ports there, so listeners on this host do not matter", async () => {
    const bench = await EngineBench.create();
    await listenOn(bench.range[0]);
    const dockerHost = await overTcp();
    expect((await bench.registry(dockerHost).assignPort("/local")).port).toBe(bench.range[0] + 1);
    process.env["TESTCONTAINERS_HOST_OVERRIDE"] = "build-host.example";
    expect((await bench.registry(dockerHost).assignPort("/remote")).port).toBe(bench.range[0]);
  });

  test("is the only one that knows its containers: another engine's answer makes nothing stale", async () => {
    const bench = await EngineBench.create();
    const [mine, other] = [await overTcp(), await listening(emptyEngine("another"))];
    const idle = await IdleProcess.start();
    await bench.registry(mine).assignPort("/project", { holder: idle.holder() });
    await idle.kill();
    const there = await bench.registry(other).listAll();
    expect(there).toMatchObject([{ status: "active", projectPath: "/project" }]);
    expect(there[0]?.evidence.map(({ kind, verdict }) => [kind, verdict])).toContainEqual(["engine", "unknown"]);
    expect(await bench.registry(other).cleanupStale()).toEqual([]);
    expect(await bench.registry(mine).cleanupStale()).toMatchObject([{ projectPath: "/project", status: "stale" }]);
  });

  test("is the same engine at every address", async () => {
    const bench = await EngineBench.create();
    const idle = await IdleProcess.start();
    await bench.registry(await overTcp()).assignPort("/project", { holder: idle.holder() });
    await idle.kill();
    const here = bench.registry(`unix://${REAL_ENGINE}`);
    expect(await here.cleanupStale()).toMatchObject([{ projectPath: "/project", status: "stale" }]);
  });
});

test("an engine whose socket lies in a user's runtime directory is one like any other", async () => {
  const bench = await ContainerBench.create();
  const runtime = temporaryDirectory();
  const proxy = new EngineProxy(join(runtime, "docker.sock"));
  await proxy.start();
  onTestFinished(() => proxy.stop());
  const registry = bench.registry({ engine: new DockerodeEngine({ dockerHost: `unix://${proxy.socketPath}` }) });
  const iris = await bench.iris().withRegistry(registry).start();
  expect(await registry.inspect(bench.project())).toMatchObject({ port: iris.getPort(), status: "active" });
  const { evidence } = (await registry.listAll())[0] ?? { evidence: [] };
  expect(evidence.map(({ kind }) => kind)).toContain("container");
  await iris.stop();
  await bench.expectNothingLeft();
});

function answerOf(url: string | undefined, id: string, containers: readonly unknown[]): unknown {
  return url?.endsWith("/info") ? { ID: id } : containers;
}

/** An engine of that ID without containers. */
function emptyEngine(id: string): http.Server {
  return http.createServer((request, reply) => reply.end(JSON.stringify(answerOf(request.url, id, []))));
}

describe("500 containers", () => {
  const inspections = { count: 0 };

  test("are listed once, and their ports are skipped", async () => {
    const bench = await EngineBench.create(20);
    const [first, last] = bench.range;
    const rows = Array.from({ length: 500 }, (_, n) => ({
      Id: `id${n}`,
      Names: [`/other-${n}`],
      Image: "other",
      State: n % 2 ? "running" : "exited",
      Labels: { [LABEL_PROJECT]: `/other-${n}` },
      Ports: n % 2 ? [{ IP: "0.0.0.0", PrivatePort: 1_972, PublicPort: portOf(n), Type: "tcp" }] : [],
    }));
    function portOf(n: number): number {
      return n < last - first ? first + n : 41_000 + n;
    }
    const server = http.createServer((request, reply) => {
      const id = /containers\/id(\d+)\/json/.exec(request.url ?? "")?.[1];
      if (id !== undefined) inspections.count++;
      const body =
        id === undefined
          ? answerOf(request.url, "fake", rows)
          : { HostConfig: { PortBindings: { "1972/tcp": [{ HostIp: "", HostPort: String(portOf(Number(id))) }] } } };
      reply.end(JSON.stringify(body));
    });
    const dockerHost = await listening(server);
    const engine = new DockerodeEngine({ dockerHost, timeoutMs: PATIENCE_MS });
    const registry = bench.registry(dockerHost, { engine, isDurable: false });
    const before = performance.now();
    expect((await registry.assignPort("/project")).port).toBe(last);
    const firstMs = performance.now() - before;
    await registry.releasePort("/project");
    const again = performance.now();
    await registry.assignPort("/project");
    const againMs = performance.now() - again;
    expect(inspections.count).toBe(250);
    expect(firstMs).toBeLessThan(PATIENCE_MS);
    report("engine: 500 containers", { firstMs: Math.round(firstMs), againMs: Math.round(againMs), violations: 0 });
  });

  test.runIf(isLongRun)("that were created and never ran hold their ports", { timeout: 600_000 }, async () => {
    const bench = await ContainerBench.create(2);
    const label = uniqueLabel();
    onTestFinished(() => removeLabelled(label));
    const publish = (port: number) => ["create", "--label", label, "--publish", `${port}:1972`, bench.image];
    for (let n = 0; n < 500; n += 10)
      await Promise.all(
        Array.from({ length: 10 }, (_, m) => docker(...publish(n + m === 0 ? bench.range[0] : 45_000 + n + m))),
      );
    const before = performance.now();
    expect((await bench.registry().assignPort("/project")).port).toBe(bench.range[1]);
    report("engine: 500 created containers", { firstMs: Math.round(performance.now() - before), violations: 0 });
  });
});

const hasPodman = isLongRun && (await ensurePodman());
if (isLongRun && !hasPodman) console.log("engine: podman cannot be used here (`podman info`), skipped");

test.runIf(hasPodman)("podman's socket is an engine like Docker's", { timeout: 120_000 }, async () => {
  const bench = await EngineBench.create();
  const path = join(temporaryDirectory(), "podman.sock");
  const service = spawn("podman", ["system", "service", "--time=0", `unix://${path}`], { stdio: "ignore" });
  onTestFinished(() => void service.kill());
  await eventually(async () => (fs.existsSync(path) ? true : undefined), 30_000);
  const registry = bench.registry(`unix://${path}`);
  const idle = await IdleProcess.start();
  await registry.assignPort("/project", { holder: idle.holder() });
  await idle.kill();
  expect(await registry.cleanupStale()).toMatchObject([{ status: "stale", projectPath: "/project" }]);
});
