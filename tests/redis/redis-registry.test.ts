import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { manualHolder, uniqueProcessHolder } from "../../src/registry/holder.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import type { PortRegistryOptions } from "../../src/registry/registry-options.ts";
import { closeSessions } from "../../src/stores/redis/redis-sessions.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { Program } from "../helpers/processes.ts";
import { RedisServer } from "../helpers/redis-server.ts";
import { redisStore } from "../helpers/redis-store.ts";

async function open(server: RedisServer, options: PortRegistryOptions = {}): Promise<PortRegistry> {
  onTestFinished(closeSessions);
  return new PortRegistry({ registryPath: server.url(), engine: false, portRange: await freePorts(5), ...options });
}

test("R1, R2, R5, R9: a project gets a port, the same one again, releases it, and gets it again", async () => {
  const server = await RedisServer.start();
  const registry = await open(server);
  const first = await registry.assignPort("/p/a");
  expect(first.port).toBe(registry.portRange[0]);
  expect((await registry.assignPort("/p/a")).port).toBe(first.port);
  expect((await registry.assignPort("/p/b")).port).toBe(first.port + 1);
  expect((await registry.releasePort("/p/a")).status).toBe("released");
  expect((await registry.assignPort("/p/a")).port).toBe(first.port);
  expect((await registry.listAll()).map(({ projectPath }) => projectPath)).toEqual(["/p/a", "/p/b"]);
});

test("a holder of this process expires, by the server's clock, unless it is renewed", async () => {
  const server = await RedisServer.start();
  const registry = await open(server);
  const holder = await uniqueProcessHolder();
  await registry.assignPort("/p/a", { holder });
  const [listed] = await registry.listAll();
  const expiresAt = listed?.holders[0]?.expiresAt?.getTime() ?? 0;
  expect(expiresAt - Date.now()).toBeGreaterThan(60_000);
});

test("D9: after a restart without data the port of a live holder is not given to another project", async () => {
  const server = await RedisServer.start();
  const range = await freePorts(5);
  const mine = await open(server, { portRange: range });
  const { port } = await mine.assignPort("/p/a");
  await server.kill();
  rmSync(join(server.directory, "appendonlydir"), { recursive: true });
  await server.start();
  const other = await open(server, { portRange: range });
  await expect(other.assignPort("/p/b")).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
  await expect.poll(async () => (await other.getAssignment("/p/a"))?.port, { timeout: 10_000 }).toBe(port);
});

test("D9: the port of a live holder in another process, which connects again at once, is not given to another project", async () => {
  const server = await RedisServer.start();
  const range = await freePorts(5);
  const holder = Program.node("assigner.ts", [server.url(), range.join("-"), "/p/a", "--wait", 20_000, "--stay"]);
  const { port } = JSON.parse(String(await holder.nextLine()));
  await server.kill();
  rmSync(join(server.directory, "appendonlydir"), { recursive: true });
  await server.start();
  const other = await open(server, { portRange: range });
  await expect.poll(async () => (await other.getAssignment("/p/a"))?.port, { timeout: 10_000 }).toBe(port);
});

test("who waits for a port goes on waiting while the server is restarted or hangs", async () => {
  const server = await RedisServer.start();
  const registry = await open(server, { store: redisStore(server.url(), 1_000), portRange: await freePorts(1) });
  await registry.assignPort("/p/a", { holder: manualHolder(), waitTimeoutMs: 10_000 });
  const queued = Promise.withResolvers<void>();
  const waiting = registry.assignPort("/p/b", { waitTimeoutMs: 40_000, onWait: () => queued.resolve() });
  await queued.promise;
  await server.kill();
  await delay(1_500);
  await server.start();
  server.suspend();
  await delay(3_000);
  server.continue();
  await vi.waitFor(() => registry.releasePort("/p/a"), { timeout: 20_000 });
  expect(await waiting).toMatchObject({ projectPath: "/p/b" });
});

test("who wants to wait for a port is told at once that the server never answered", async () => {
  const server = await RedisServer.start();
  await server.kill();
  const registry = await open(server);
  await expect(registry.assignPort("/p/a", { waitTimeoutMs: 1_000_000 })).rejects.toMatchObject({
    code: "REGISTRY_ACCESS",
  });
});

test("a server that keeps nothing gives out no new port for one lease after its start, and says so", async () => {
  const server = await RedisServer.volatile();
  await expect((await open(server)).assignPort("/p/a")).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
});
