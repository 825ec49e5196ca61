import { expect, onTestFinished, test } from "vitest";
import { checkUp } from "../../src/registry/doctor/checkup.ts";
import type { Finding } from "../../src/registry/doctor/finding.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { closeSessions } from "../../src/stores/redis/redis-sessions.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { RedisServer } from "../helpers/redis-server.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

/** What doctor says of the registry at a URL, with an engine that another one stands in for where one is given. */
async function findingsAt(registryPath: string, engine = new FakeEngine()): Promise<readonly Finding[]> {
  onTestFinished(closeSessions);
  return checkUp({ registryPath, portRange: (await freePorts(3)).join("-"), engine });
}

async function registryFindingAt(registryPath: string, engine?: FakeEngine): Promise<Finding | undefined> {
  return (await findingsAt(registryPath, engine)).find(({ check }) => check === "registry");
}

/** Puts a document there as another program would. */
async function write(server: RedisServer, json: string): Promise<void> {
  const answer = await server.command(`HSET iris-ports:{test}:document commit 0123456789abcdef json '${json}'`);
  expect(answer).toMatch(/^:/);
}

test("doctor counts the assignments on a Redis server, checks them, and says nothing of files or runners", async () => {
  const server = await RedisServer.start();
  onTestFinished(closeSessions);
  const registryPath = server.url();
  const registry = new PortRegistry({ registryPath, engine: new FakeEngine(), portRange: await freePorts(1) });
  await registry.assignPort(temporaryDirectory(), { waitTimeoutMs: 10_000 });
  const findings = await findingsAt(registryPath);
  expect(findings).toContainEqual({
    check: "registry",
    verdict: "ok",
    text: `redis://127.0.0.1:${server.port}/0?name=test: 1 assignment`,
  });
  expect(findings).toContainEqual({ check: "assignments", verdict: "ok", text: "1, none of them stale" });
  expect(findings.map(({ check }) => check)).not.toContain("document");
  expect(findings.map(({ check }) => check)).not.toContain("runners");
});

test("doctor reports no grace period for a document that another program wrote", async () => {
  const server = await RedisServer.start();
  await write(server, '{"schema_version":"1.0","assignments":[]}');
  expect(await registryFindingAt(server.url())).toMatchObject({ verdict: "ok" });
});

test("doctor says how long the grace period lasts on a server that may have lost data", async () => {
  const server = await RedisServer.volatile();
  expect(await registryFindingAt(server.url())).toMatchObject({
    verdict: "warn",
    text: expect.stringMatching(/: 0 assignments; the server was restarted or lost data$/),
    remedy: expect.stringMatching(/^wait [1-9]\d? s$/),
  });
});

test("doctor reports a document on a Redis server that is unreadable or newer, and how to repair it", async () => {
  const server = await RedisServer.start();
  await write(server, "not JSON");
  expect(await registryFindingAt(server.url())).toMatchObject({
    verdict: "fail",
    text: expect.stringContaining("cannot be read: it is not JSON"),
    remedy: expect.stringContaining("doctor --repair"),
  });
  await write(server, '{"schema_version":"9.0","assignments":[]}');
  const findings = await findingsAt(server.url());
  expect(findings.find(({ check }) => check === "registry")).toMatchObject({
    verdict: "fail",
    text: expect.stringContaining("has schema_version 9.0"),
    remedy: "npm install iris-ports@latest",
  });
  expect(findings.map(({ check }) => check)).not.toContain("assignments");
});

test("doctor reports a Redis server that does not answer, and checks no assignments then", async () => {
  const server = await RedisServer.start();
  await server.kill();
  const findings = await findingsAt(server.url());
  expect(findings.find(({ check }) => check === "registry")).toMatchObject({
    verdict: "fail",
    text: expect.stringContaining("no server answers there"),
    remedy: "start the server, or correct the URL",
  });
  expect(findings.map(({ check }) => check)).not.toContain("assignments");
});

test("doctor reports that no engine answers to name the pool of ports", async () => {
  const server = await RedisServer.start();
  const engine = new FakeEngine();
  engine.isReachable = false;
  expect(await registryFindingAt(server.url(""), engine)).toMatchObject({
    verdict: "fail",
    text: expect.stringContaining("names no pool of ports"),
    remedy: expect.stringContaining("?name=ci"),
  });
});

test("an error of the engine is not reported as a problem of the registry", async () => {
  const server = await RedisServer.start();
  const engine = new FakeEngine();
  engine.identify = () => Promise.reject(new TypeError("a bug"));
  await expect(registryFindingAt(server.url(""), engine)).rejects.toThrow("a bug");
});
