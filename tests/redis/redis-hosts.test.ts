import { rmSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { manualHolder, type ProcessHolder, processHolder } from "../../src/registry/holder.ts";
import { identifyDirectory } from "../../src/registry/host/directory-identity.ts";
import { currentProcess } from "../../src/registry/host/process-identity.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { closeSessions } from "../../src/stores/redis/redis-sessions.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { RedisProxy } from "../helpers/redis-proxy.ts";
import { RedisServer } from "../helpers/redis-server.ts";
import { redisStore } from "../helpers/redis-store.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

const LEASE_MS = 1_500;

async function open(url: string, range: readonly [number, number], leaseMs = LEASE_MS): Promise<PortRegistry> {
  onTestFinished(closeSessions);
  return new PortRegistry({ store: redisStore(url, leaseMs), engine: new FakeEngine(), portRange: range });
}

/** A process of a host that nobody here can look into, and that does not renew any more. */
async function holderElsewhere(expiresInMs: number): Promise<ProcessHolder> {
  const here = await currentProcess();
  const process = { ...here, host: "another-host", bootId: "another-boot" };
  return {
    kind: "process",
    id: "elsewhere",
    since: new Date(),
    process: { ...process, pid: 4_711 },
    expiresAt: new Date(Date.now() + expiresInMs),
  };
}

test("S7: the port of a host that vanished is free again when its lease has ended, and not before", async () => {
  const server = await RedisServer.start();
  const range = await freePorts(1);
  const registry = await open(server.url(), range);
  await registry.assignPort("/p/elsewhere", { holder: await holderElsewhere(600_000) });
  await expect(registry.assignPort("/p/here")).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
  // Its last renewal.
  await registry.assignPort("/p/elsewhere", { holder: await holderElsewhere(2_000) });
  const { port } = await registry.assignPort("/p/here", { waitTimeoutMs: 30_000 });
  expect(port).toBe(range[0]);
});

test("a holder of this host keeps its port for longer than a lease, because it renews", async () => {
  const server = await RedisServer.start();
  const range = await freePorts(1);
  const [mine, other] = [await open(server.url(), range), await open(server.url(), range)];
  await mine.assignPort("/p/mine");
  const first = (await mine.listAll())[0]?.holders[0]?.expiresAt;
  const expiry = async () => (await other.listAll())[0]?.holders[0]?.expiresAt?.getTime() ?? 0;
  await expect.poll(expiry, { timeout: 10_000 }).toBeGreaterThan((first?.getTime() ?? 0) + LEASE_MS);
});

test("a process of another host with this one's pid is not renewed here", async () => {
  const server = await RedisServer.start();
  const registry = await open(server.url(), await freePorts(1));
  const elsewhere = await holderElsewhere(600_000);
  await registry.assignPort("/p/a", { holder: { ...elsewhere, process: { ...elsewhere.process, pid: process.pid } } });
  const expiresAt = (await registry.listAll())[0]?.holders[0]?.expiresAt?.getTime() ?? 0;
  expect(expiresAt).toBeGreaterThan(Date.now() + 300_000);
});

test("S7: the server's clock counts: one that is an hour ahead or behind changes nothing", async () => {
  const server = await RedisServer.start();
  const registry = await open(server.url(), await freePorts(2), 90_000);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
  onTestFinished(() => void vi.useRealTimers());
  await registry.assignPort("/p/a");
  vi.useRealTimers();
  const expiresAt = (await registry.listAll())[0]?.holders[0]?.expiresAt?.getTime() ?? 0;
  expect(expiresAt).toBeGreaterThan(Date.now());
  expect(expiresAt).toBeLessThan(Date.now() + 120_000);
});

const AS_THIS_HOST = { what: "the same host name is this host", hostName: hostname(), code: undefined };
const AS_CLONE = { what: "another host name may be a clone", hostName: "another-name", code: "PORT_EXHAUSTED" };

test.each([AS_THIS_HOST, AS_CLONE])("S1: a host with the same machine ID and $what", async ({ hostName, code }) => {
  const server = await RedisServer.start();
  const registry = await open(server.url(), await freePorts(1));
  const { expiresAt: _, ...elsewhere } = await holderElsewhere(0);
  const expiresAt = new Date(Date.now() + 600_000);
  const process = { ...elsewhere.process, host: (await currentProcess()).host, hostName };
  const path = temporaryDirectory();
  const directory = { ...((await identifyDirectory(path)) ?? expect.fail()), hostName };
  rmSync(path, { recursive: true });
  const holders = [{ ...elsewhere, process }, { ...elsewhere, process, expiresAt }, manualHolder({ directory })];
  for (const holder of holders) {
    await registry.assignPort("/p/before", { holder, waitTimeoutMs: 10_000 });
    const outcome = await registry.assignPort("/p/here").catch((error) => error.code);
    expect(outcome).toEqual(code ?? expect.objectContaining({ projectPath: "/p/here" }));
    await registry.clearAll();
  }
});

test("S7: the time of a holder lasts as long on the server as on a host whose clock is a day behind", async () => {
  const server = await RedisServer.start();
  const registry = await open(server.url(), await freePorts(2));
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 86_400_000 });
  onTestFinished(() => void vi.useRealTimers());
  await registry.assignPort("/p/a", { holder: manualHolder({ expiresAt: new Date(Date.now() + 600_000) }) });
  vi.useRealTimers();
  const [listed] = await registry.listAll();
  expect(listed?.status).toBe("active");
  expect(Math.abs((listed?.holders[0]?.expiresAt?.getTime() ?? 0) - Date.now() - 600_000)).toBeLessThan(60_000);
});

test("S7: an announced restart lasts as long on the server as on a host whose clock is a day behind", async () => {
  const server = await RedisServer.start();
  const registry = await open(server.url(), await freePorts(1));
  const holder = manualHolder();
  await registry.assignPort("/p/a", { holder, waitTimeoutMs: 10_000 });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 86_400_000 });
  onTestFinished(() => void vi.useRealTimers());
  await registry.announceRestart("/p/a", { holder, until: new Date(Date.now() + 600_000) });
  vi.useRealTimers();
  const until = (await registry.inspect("/p/a"))?.holders[0]?.restartsUntil?.getTime() ?? 0;
  expect(Math.abs(until - Date.now() - 600_000)).toBeLessThan(60_000);
});

test("a primary that becomes a replica is left for the new one at its address", async () => {
  const [old, next] = [await RedisServer.start(), await RedisServer.start()];
  const address = await RedisProxy.open(old.port);
  const registry = await open(address.url(), await freePorts(3));
  await registry.assignPort("/p/a", { waitTimeoutMs: 10_000 });
  address.leadLaterTo(next.port);
  await old.command(`REPLICAOF 127.0.0.1 ${next.port}`);
  await vi.waitFor(() => registry.assignPort("/p/b", { waitTimeoutMs: 10_000 }), { timeout: 40_000 });
  expect(await next.command("EXISTS iris-ports:{test}:document")).toBe(":1\r\n");
});

test("a primary that was a replica for a moment begins a grace period on the connection that lasted", async () => {
  const [server, other] = [await RedisServer.start(), await RedisServer.start()];
  const registry = await open(server.url(), await freePorts(3), 90_000);
  await registry.assignPort("/p/a", { waitTimeoutMs: 10_000 });
  await server.command(`REPLICAOF 127.0.0.1 ${other.port}`);
  await server.command("REPLICAOF NO ONE");
  await expect(registry.assignPort("/p/b")).rejects.toThrow("gives out no new port yet");
});

test("a replica that takes over begins a grace period, and holders keep what they hold", async () => {
  const primary = await RedisServer.start(["--appendonly", "yes", "--repl-diskless-sync-delay", "0"]);
  const replica = await RedisServer.start(["--appendonly", "yes", "--replicaof", "127.0.0.1", String(primary.port)]);
  await expect.poll(() => replica.command("INFO replication"), { timeout: 20_000 }).toContain("master_link_status:up");
  const address = await RedisProxy.open(primary.port);
  const range = await freePorts(3);
  const mine = await open(address.url("name=test&replicas=1"), range, 4_000);
  const { port } = await mine.assignPort("/p/mine");
  await primary.kill();
  await replica.command("REPLICAOF NO ONE");
  address.pointTo(replica.port);
  const other = await open(address.url("name=test"), range, 4_000);
  expect((await other.getAssignment("/p/mine"))?.port).toBe(port);
  const next = await other.assignPort("/p/other", { waitTimeoutMs: 30_000 });
  expect(next.port).not.toBe(port);
  expect((await other.getAssignment("/p/mine"))?.port).toBe(port);
});

test("a server that was stopped for longer than a lease gives no port of a live holder to another project", async () => {
  const server = await RedisServer.start();
  const range = await freePorts(1);
  const proxy = await RedisProxy.open(server.port);
  const mine = await open(proxy.url(), range);
  const here = await processHolder();
  const holder = { ...here, process: { ...here.process, hostName: "another-name" } };
  await mine.assignPort("/p/mine", { holder, waitTimeoutMs: 10_000 });
  const elsewhere = new PortRegistry({
    store: redisStore(server.url(), LEASE_MS),
    engine: new FakeEngine(),
    portRange: range,
    liveness: async () => "unknown",
  });
  server.suspend();
  proxy.refuse();
  await delay(2 * LEASE_MS);
  server.continue();
  // It comes before the holder has connected again.
  const next = elsewhere.assignPort("/p/next", { waitTimeoutMs: 120_000 });
  const document = redisStore(server.url());
  const graceUntil = async () => Date.parse((await document.read()).server?.grace_until ?? "");
  await expect.poll(graceUntil, { timeout: 20_000 }).toBeGreaterThan(Date.now());
  proxy.refuse(false);
  const expiresAt = async () => (await mine.inspect("/p/mine"))?.holders[0]?.expiresAt?.getTime();
  await expect.poll(expiresAt, { timeout: 20_000 }).toBeGreaterThan(Date.now());
  await mine.releasePort("/p/mine");
  expect((await next).port).toBe(range[0]);
});
