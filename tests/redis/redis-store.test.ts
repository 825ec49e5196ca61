import { expect, onTestFinished, test } from "vitest";
import { EMPTY_DOCUMENT, type RegistryDocument } from "../../src/stores/document.ts";
import { parseRedisUrl } from "../../src/stores/redis/redis-address.ts";
import { closeSessions } from "../../src/stores/redis/redis-sessions.ts";
import { RedisStore } from "../../src/stores/redis/redis-store.ts";
import { RedisServer } from "../helpers/redis-server.ts";

function open(server: RedisServer, leaseMs = 90_000): RedisStore {
  onTestFinished(closeSessions);
  return new RedisStore({
    address: parseRedisUrl(server.url(), "registryPath"),
    pool: async () => "none",
    lockTimeoutMs: 5_000,
    repairCommand: "iris-ports doctor --repair",
    leaseMs,
  });
}

function withPort(document: RegistryDocument, port: number): RegistryDocument {
  const record = {
    project_path: `/p/${port}`,
    port,
    assigned_at: "2026-11-23T05:06:07.123+00:00",
    assignment_type: "auto" as const,
    status: "active",
    container_name: null,
  };
  return { ...document, assignments: [...document.assignments, record] };
}

test("a new pool is an empty document, and what one store commits another reads", async () => {
  const server = await RedisServer.start();
  const [first, second] = [open(server), open(server)];
  expect((await first.read()).assignments).toEqual([]);
  await first.update(async (document) => ({ document: withPort(document, 1972), result: undefined }));
  expect((await second.read()).assignments.map(({ port }) => port)).toEqual([1972]);
  expect(Date.parse((await second.read()).server?.grace_until ?? "")).toBeLessThan(Date.now() + 5_000);
});

test("D9: forty updates at once each build on the one before", async () => {
  const server = await RedisServer.start();
  const stores = Array.from({ length: 4 }, () => open(server));
  await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      (stores[index % 4] as RedisStore).update(async (document) => ({
        document: withPort(document, 2_000 + index),
        result: undefined,
      })),
    ),
  );
  expect((await open(server).read()).assignments).toHaveLength(40);
});

test("a server that was restarted without its data begins a grace period", async () => {
  const server = await RedisServer.volatile();
  const store = open(server);
  await store.update(async (document) => ({ document: withPort(document, 1972), result: undefined }));
  await server.kill();
  await server.start();
  const document = await store.read();
  expect(document.assignments).toEqual([]);
  expect(Date.parse(document.server?.grace_until ?? "")).toBeGreaterThan(Date.now() + 60_000);
  expect(document).not.toEqual(EMPTY_DOCUMENT);
});
