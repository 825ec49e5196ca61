import { setTimeout as delay } from "node:timers/promises";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { manualHolder, processHolder, uniqueProcessHolder } from "../../src/registry/holder.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { closeSessions } from "../../src/stores/redis/redis-sessions.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { RedisServer } from "../helpers/redis-server.ts";
import { redisStore } from "../helpers/redis-store.ts";

const LEASE_MS = 2_000;

// The holders of a test renew when it says so, as after a suspension.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
});

async function openTwo(server: RedisServer): Promise<readonly [PortRegistry, PortRegistry]> {
  onTestFinished(closeSessions);
  const portRange = await freePorts(3);
  const open = () =>
    new PortRegistry({ store: redisStore(server.url(), LEASE_MS), engine: new FakeEngine(), portRange });
  return [open(), open()];
}

async function expiryOf(registry: PortRegistry, project: string): Promise<number> {
  return (await registry.inspect(project))?.holders[0]?.expiresAt?.getTime() ?? 0;
}

/** Has every holder of this process renewed; `project` shows when that is done. */
async function renew(registry: PortRegistry, project: string): Promise<void> {
  const before = await expiryOf(registry, project);
  vi.advanceTimersByTime(LEASE_MS);
  await expect.poll(() => expiryOf(registry, project), { timeout: 10_000 }).toBeGreaterThan(before);
}

async function projects(registry: PortRegistry): Promise<readonly string[]> {
  return (await registry.listAll()).map(({ projectPath }) => projectPath);
}

test("a cleared assignment does not come back when its holder renews", async () => {
  const [mine, other] = await openTwo(await RedisServer.start());
  await mine.assignPort("/p/cleared", { waitTimeoutMs: 10_000 });
  await other.clearAll();
  await mine.assignPort("/p/later", { preferredPort: mine.portRange[1] });
  await renew(mine, "/p/later");
  expect(await projects(other)).toEqual(["/p/later"]);
});

test("an assignment that was released while its holder was suspended does not come back when the holder wakes after its lease", async () => {
  const [mine, other] = await openTwo(await RedisServer.start());
  await mine.assignPort("/p/released", { waitTimeoutMs: 10_000 });
  await mine.assignPort("/p/kept");
  await other.releasePort("/p/released");
  const expiresAt = await expiryOf(other, "/p/kept");
  // Not expect.poll(), which lets the renewals of this test run.
  await delay(expiresAt + LEASE_MS / 2 - Date.now());
  await renew(mine, "/p/kept");
  expect(await projects(other)).toEqual(["/p/kept"]);
});

test("a holder whose release was refused, or whose clearing failed, goes on renewing", async () => {
  const server = await RedisServer.start();
  const [mine] = await openTwo(server);
  await mine.assignPort("/p/a", { waitTimeoutMs: 10_000 });
  await expect(mine.releasePort("/p/a", { isUseRespected: true })).rejects.toMatchObject({ code: "PORT_CONFLICT" });
  await renew(mine, "/p/a");
  await server.command("CONFIG SET maxmemory 1");
  await expect(mine.clearAll()).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
  await server.command("CONFIG SET maxmemory 0");
  await renew(mine, "/p/a");
});

test("a restart that its holder has announced stays announced when it renews", async () => {
  const [mine, other] = await openTwo(await RedisServer.start());
  const [holder, newcomer] = [await processHolder({ usesContainer: true }), await uniqueProcessHolder()];
  await mine.acquire("/p/a", { holder, waitTimeoutMs: 10_000 });
  await mine.announceRestart("/p/a", { holder, until: new Date(Date.now() + 600_000) });
  await renew(mine, "/p/a");
  expect((await other.acquire("/p/a", { holder: newcomer })).isBeingRestarted).toBe(true);
});

test("a grace period ends even if no process renews meanwhile", async () => {
  const server = await RedisServer.start();
  const [mine, other] = await openTwo(server);
  await mine.assignPort("/p/manual", { holder: manualHolder(), waitTimeoutMs: 10_000 });
  await server.kill();
  await server.start();
  const { port } = await other.assignPort("/p/new", { waitTimeoutMs: 10_000 });
  expect(port).not.toBe((await other.getAssignment("/p/manual"))?.port);
});

test("a port that was waited for is held for a whole lease", async () => {
  const server = await RedisServer.start();
  const [mine, other] = await openTwo(server);
  const ports = [0, 1, 2];
  for (const one of ports) await other.assignPort(`/p/${one}`, { holder: manualHolder(), waitTimeoutMs: 10_000 });
  const since = Date.now();
  const waiting = mine.assignPort("/p/late", { waitTimeoutMs: 20_000 });
  await expect.poll(() => Date.now(), { timeout: 10_000 }).toBeGreaterThan(since + 2 * LEASE_MS);
  await other.releasePort("/p/0");
  const { assignedAt } = await waiting;
  expect(await expiryOf(other, "/p/late")).toBeGreaterThanOrEqual(assignedAt.getTime() + LEASE_MS);
});
