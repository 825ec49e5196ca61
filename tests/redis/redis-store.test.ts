import { expect, onTestFinished, test } from "vitest";
import { EMPTY_DOCUMENT, type RegistryDocument } from "../../src/stores/document.ts";
import { parseRedisUrl } from "../../src/stores/redis/redis-address.ts";
import { COMMIT } from "../../src/stores/redis/redis-scripts.ts";
import { closeSessions, currentSession } from "../../src/stores/redis/redis-sessions.ts";
import { listPools, type RedisStore } from "../../src/stores/redis/redis-store.ts";
import { ServerWatch } from "../../src/stores/redis/server-watch.ts";
import { assignmentRecord } from "../helpers/documents.ts";
import { RedisServer } from "../helpers/redis-server.ts";
import { redisStore } from "../helpers/redis-store.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

function open(server: RedisServer, url = server.url()): RedisStore {
  onTestFinished(closeSessions);
  return redisStore(url);
}

function withPort(document: RegistryDocument, port: number): RegistryDocument {
  return { ...document, assignments: [...document.assignments, assignmentRecord(`/p/${port}`, port)] };
}

const add = (store: RedisStore, port: number) =>
  store.update(async (document) => ({ document: withPort(document, port), result: undefined }));

const portsIn = async (store: RedisStore) => (await store.read()).assignments.map(({ port }) => port);

/** Puts a document there as another program would. */
async function write(server: RedisServer, json: string): Promise<void> {
  const answer = await server.command(`HSET iris-ports:{test}:document json ${JSON.stringify(json)} commit other`);
  expect(answer).toMatch(/^:/);
}

test("a new pool is an empty document, and what one store commits another reads", async () => {
  const server = await RedisServer.start();
  const [first, second] = [open(server), open(server)];
  expect((await first.read()).assignments).toEqual([]);
  await first.update(async (document) => ({ document: withPort(document, 1972), result: undefined }));
  expect((await second.read()).assignments.map(({ port }) => port)).toEqual([1972]);
  expect(new Date((await second.read()).server?.grace_until ?? 0).getTime()).toBeLessThan(Date.now() + 5_000);
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

test("the pools of a server are listed by name, and nothing else that it keeps", async () => {
  const server = await RedisServer.start();
  for (const pool of ["b", "a"]) await add(open(server, server.url(`name=${pool}`)), 1972);
  await server.command("SET iris-ports:{c}:sequence 1");
  await server.command("SET other 1");
  expect(await listPools(parseRedisUrl(server.url(), "registryPath"))).toEqual(["a", "b"]);
});

test("a pool without a name in the address is the one that the engine names", async () => {
  const server = await RedisServer.start();
  await add(open(server, server.url("")), 1972);
  expect(await portsIn(open(server, server.url("name=unnamed")))).toEqual([1972]);
});

test("a server is reached through its socket, also with a password", async () => {
  const directory = temporaryDirectory();
  const socket = `${directory}/redis.sock`;
  const server = await RedisServer.start(["--unixsocket", socket, "--requirepass", "s3c/ret"]);
  await add(open(server, `redis+unix://:s3c%2Fret@${socket}?name=test&db=2`), 1972);
  expect(await portsIn(open(server, `redis+unix://default:s3c%2Fret@${socket}?db=2&name=test`))).toEqual([1972]);
  await expect(open(server, `redis+unix://${socket}?name=test`).read()).rejects.toThrow("asks for a password");
});

test("no file can block a change, so there is nothing to clear", async () => {
  expect(await open(await RedisServer.start()).clearObstacles()).toEqual([]);
});

test("before its first answer the server's time is this machine's", async () => {
  const before = Date.now();
  const now = open(await RedisServer.start())
    .shared.now()
    .getTime();
  expect([now >= before, now <= Date.now()]).toEqual([true, true]);
});

test("a change on a version that another commit replaced is made again on the newer one", async () => {
  const server = await RedisServer.start();
  const store = open(server);
  await add(store, 1972);
  const seen: number[][] = [];
  const result = await store.update(async (document) => {
    seen.push(document.assignments.map(({ port }) => port));
    if (seen.length === 1) {
      const newer = { schema_version: "1.0", assignments: [assignmentRecord("/p/1980", 1980)], iris_ports: {} };
      await write(server, JSON.stringify(newer));
    }
    return { document: withPort(document, 1990), result: "done" };
  });
  expect([result, seen]).toEqual(["done", [[1972], [1980]]]);
  expect(await portsIn(store)).toEqual([1980, 1990]);
});

test("an unreadable document is refused until it is replaced, and is kept", async () => {
  const server = await RedisServer.start();
  const store = open(server);
  await add(store, 1972);
  await write(server, "hello");
  const corrupt = { code: "REGISTRY_CORRUPT", remedy: "iris-ports doctor --repair" };
  await expect(store.read()).rejects.toMatchObject(corrupt);
  await expect(add(store, 1973)).rejects.toMatchObject(corrupt);
  const keptAs = await store.replaceUnreadable(async (document, unreadable) => {
    expect(document.assignments).toEqual([]);
    expect(unreadable?.reason).toContain("not JSON");
    return { result: unreadable?.keptAs };
  });
  expect(keptAs).toMatch(/^iris-ports:\{test\}:document\.corrupt-[0-9a-f]{12}$/);
  expect(await server.command(`GET ${keptAs}`)).toContain("hello");
  await add(store, 1974);
  expect(await portsIn(open(server))).toEqual([1974]);
});

test.each([
  ["text that another program put there without a commit", "json hello", "not JSON"],
  ["a commit without its text", "commit other", "field json is missing"],
])("a document that is only %s is refused, and kept when it is replaced", async (_, fields, reason) => {
  const server = await RedisServer.start();
  const store = open(server);
  await server.command(`HSET iris-ports:{test}:document ${fields}`);
  await expect(add(store, 1973)).rejects.toMatchObject({ code: "REGISTRY_CORRUPT" });
  const found = await store.replaceUnreadable(async (_document, unreadable) => ({ result: unreadable }));
  expect(found?.reason).toContain(reason);
  await add(store, 1974);
  expect(await portsIn(open(server))).toEqual([1974]);
});

test("a document that another program put there without a commit is read, and changed", async () => {
  const server = await RedisServer.start();
  const json = { schema_version: "1.0", assignments: [assignmentRecord("/p/1980", 1980)] };
  await server.command(`HSET iris-ports:{test}:document json ${JSON.stringify(JSON.stringify(json))}`);
  await add(open(server), 1990);
  expect(await portsIn(open(server))).toEqual([1980, 1990]);
});

test("a server that does not tell when it started settles from now on", async () => {
  const watch = new ServerWatch(90_000);
  watch.heard(1_000_000);
  const run = { runId: "a", replicationId: "b", startedAtMs: Number.NaN, isPersistent: true };
  const { grace_until } = watch.judge(run, undefined, { isLost: false, isMissing: true });
  expect(Date.parse(grace_until ?? "") - watch.now().getTime()).toBeGreaterThan(2_000);
});

test("a readable document is not replaced", async () => {
  const server = await RedisServer.start();
  const store = open(server);
  await add(store, 1972);
  const unreadable = await store.replaceUnreadable(async (_, found) => ({ result: found }));
  expect(unreadable).toBeUndefined();
  expect(await portsIn(store)).toEqual([1972]);
});

test("a document of a newer schema is not touched", async () => {
  const server = await RedisServer.start();
  await write(server, JSON.stringify({ schema_version: "2.0", assignments: [] }));
  const newer = { code: "REGISTRY_SCHEMA", schemaVersion: "2.0", remedy: "npm install iris-ports@latest" };
  await expect(open(server).read()).rejects.toMatchObject(newer);
  await expect(open(server).replaceUnreadable(async () => ({ result: 0 }))).rejects.toMatchObject(newer);
});

test("a loss that a reader has noticed begins a grace period with the next change", async () => {
  const server = await RedisServer.start();
  const store = open(server);
  await add(store, 1972);
  await server.command("FLUSHALL");
  await store.read();
  await add(store, 1973);
  const { server: record } = await open(server).read();
  expect(Date.parse(record?.grace_until ?? "")).toBeGreaterThan(Date.now() + 60_000);
});

test("a repeated commit gets the same answer, and writes again, for the replicas that its connection waits for", async () => {
  const server = await RedisServer.start();
  onTestFinished(closeSessions);
  const session = await currentSession(parseRedisUrl(server.url(), "registryPath"));
  const commit = async () => (await session.run(COMMIT, ["document", "commits"], ["", "a", "1", "{}", "notices"]))[0];
  const writes = async () => /rdb_changes_since_last_save:(\d+)/.exec(await server.command("INFO persistence"))?.[1];
  expect(await commit()).toBe(1);
  const before = await writes();
  expect(await commit()).toBe(1);
  expect(Number(await writes())).toBeGreaterThan(Number(before));
});
