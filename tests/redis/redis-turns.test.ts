import { expect, onTestFinished, test } from "vitest";
import { PortAssignmentTimeoutError } from "../../src/errors/errors.ts";
import { closeSessions } from "../../src/stores/redis/redis-sessions.ts";
import type { RedisStore } from "../../src/stores/redis/redis-store.ts";
import { RedisProxy } from "../helpers/redis-proxy.ts";
import { RedisServer } from "../helpers/redis-server.ts";
import { redisStore } from "../helpers/redis-store.ts";

/** A server with a pool, and stores that contend for it: each behind an address of its own, as another process has it. */
async function contenders() {
  onTestFinished(closeSessions);
  const server = await RedisServer.start();
  const proxies = [await RedisProxy.open(server.port), await RedisProxy.open(server.port)] as const;
  const stores = [server, ...proxies].map((each) => redisStore(each.url()));
  const waiting = async () => Number((await server.command("ZCARD iris-ports:{test}:queue")).slice(1));
  return { server, proxies, stores: stores as [RedisStore, RedisStore, RedisStore], waiting };
}

/** A turn that lasts until it is ended. */
async function turnOf(store: RedisStore) {
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const done = store.update(async () => {
    begun.resolve();
    await ended.promise;
    return { result: undefined };
  });
  await begun.promise;
  const end = async () => {
    ended.resolve();
    await done;
  };
  return { end };
}

test("processes get their turns in the order of arrival, as soon as the one before has ended", async () => {
  const { stores, waiting } = await contenders();
  const [first, second, third] = stores;
  const turn = await turnOf(first);
  const order: string[] = [];
  const pass = (store: RedisStore, name: string) =>
    store.update(async () => {
      order.push(name);
      return { result: undefined };
    });
  const passes = [pass(second, "second")];
  await expect.poll(waiting, { timeout: 10_000 }).toBe(1);
  passes.push(pass(third, "third"));
  await expect.poll(waiting, { timeout: 10_000 }).toBe(2);
  expect(order).toEqual([]);
  await turn.end();
  await Promise.all(passes);
  expect(order).toEqual(["second", "third"]);
  expect(await waiting()).toBe(0);
});

test("a call that arrives together with the answer that the turn has not come is not missed", async () => {
  const { stores, proxies, waiting } = await contenders();
  const [first, second] = stores;
  await second.read();
  const turn = await turnOf(first);
  const [proxy] = proxies;
  proxy.hold();
  const passing = second.update(async () => ({ result: "passed" }));
  await expect.poll(waiting, { timeout: 10_000 }).toBe(1);
  await turn.end();
  // The answer, and the message that names the pool.
  await expect.poll(() => proxy.held, { timeout: 10_000 }).toMatch(/\*2\r\n[\s\S]*message[\s\S]*\r\ntest\r\n/);
  proxy.release();
  expect(await passing).toBe("passed");
});

test("a process whose turn does not come in time learns its place and leaves the queue", async () => {
  const { stores, proxies, waiting } = await contenders();
  const turn = await turnOf(stores[0]);
  const hurried = redisStore(proxies[0].url(), undefined, { lockTimeoutMs: 50 });
  const refused = hurried.update(async () => ({ result: undefined }));
  await expect(refused).rejects.toThrow(PortAssignmentTimeoutError);
  await expect(refused).rejects.toMatchObject({
    timeoutMs: 50,
    lockPath: hurried.location,
    state: expect.stringContaining("number 1 in the queue"),
  });
  expect(await waiting()).toBe(0);
  await turn.end();
});

test("a waiter is told of a commit that came before it listened", async () => {
  const { stores } = await contenders();
  const [first, second] = stores;
  const seen = await second.update(async (document) => ({ document: { ...document }, result: document }));
  await first.update(async (document) => ({ document: { ...document }, result: undefined }));
  // Much longer than a test may take.
  await second.shared.awaitChange(seen, 600_000);
});

test("a waiter is not told of its own commit", async () => {
  const { stores } = await contenders();
  const [first, second] = stores;
  const seen = await second.update(async (document) => ({ document: { ...document }, result: document }));
  let isTold = false;
  const told = second.shared.awaitChange(seen, 600_000).then(() => {
    isTold = true;
  });
  await second.read();
  expect(isTold).toBe(false);
  await first.update(async (document) => ({ document: { ...document }, result: undefined }));
  await told;
});
