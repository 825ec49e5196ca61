import { describe, expect, onTestFinished, test, vi } from "vitest";
import { closeSessions } from "../../src/stores/redis/redis-sessions.ts";
import type { RedisStore } from "../../src/stores/redis/redis-store.ts";
import { assignmentRecord } from "../helpers/documents.ts";
import { RedisProxy } from "../helpers/redis-proxy.ts";
import { RedisServer } from "../helpers/redis-server.ts";
import { redisStore } from "../helpers/redis-store.ts";

/** A server, a store that reaches it through a proxy, and one that reaches it directly. */
async function bench() {
  onTestFinished(closeSessions);
  const server = await RedisServer.start();
  const proxy = await RedisProxy.open(server.port);
  return { server, proxy, store: redisStore(proxy.url()), other: redisStore(server.url()) };
}

/** Adds an assignment; `during` runs while the store has its turn. */
function add(store: RedisStore, port: number, during: () => unknown = () => {}): Promise<string> {
  return store.update(async (document) => {
    await during();
    const assignments = [...document.assignments, assignmentRecord(`/p/${port}`, port)];
    return { document: { ...document, assignments }, result: "added" };
  });
}

const portsIn = async (store: RedisStore) => (await store.read()).assignments.map(({ port }) => port);

describe("a connection that breaks", () => {
  test.each(["request", "answer"] as const)("with the %s of a commit loses nothing, and commits once", async (what) => {
    const { proxy, store, other } = await bench();
    await add(store, 1);
    const during = vi.fn(() => proxy.loseNext(what));
    expect(await add(store, 2, during)).toBe("added");
    expect(during).toHaveBeenCalledOnce();
    expect(await portsIn(other)).toEqual([1, 2]);
    // Its turn ended with the connection.
    expect(await add(other, 3)).toBe("added");
  });

  test("for good during a commit is an error that says that the commit may be saved", async () => {
    const { proxy, store, other } = await bench();
    await add(store, 1);
    const refused = add(store, 2, () => {
      proxy.loseNext("answer");
      proxy.refuse();
    });
    await expect(refused).rejects.toMatchObject({ code: "REGISTRY_ACCESS", state: expect.stringContaining("or not") });
    expect(await portsIn(other)).toEqual([1, 2]);
    proxy.refuse(false);
    expect(await portsIn(store)).toEqual([1, 2]);
  });

  test("before a turn is given up changes nothing of its result", async () => {
    const { proxy, store, other } = await bench();
    await add(store, 1);
    const result = await store.update(async () => {
      proxy.loseNext("request");
      return { result: "looked" };
    });
    expect(result).toBe("looked");
    expect(await add(other, 2)).toBe("added");
  });

  test("while a turn is waited for is an error, and the next attempt works", async () => {
    const { proxy, store, other } = await bench();
    await add(store, 1);
    proxy.loseNext("request");
    await expect(add(store, 2)).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
    expect(await add(store, 3)).toBe("added");
    expect(await portsIn(other)).toEqual([1, 3]);
  });
});

test("a commit that the server refuses is an error, and is not saved", async () => {
  const { server, store, other } = await bench();
  await add(store, 1);
  const refused = add(store, 2, () => server.command("CONFIG SET maxmemory 1"));
  await expect(refused).rejects.toMatchObject({ code: "REGISTRY_ACCESS", what: expect.stringContaining("memory") });
  await server.command("CONFIG SET maxmemory 0");
  expect(await portsIn(other)).toEqual([1]);
});

test("a server that does not report its run is used, and always counts as the same run", async () => {
  const { proxy, store } = await bench();
  const hide = (text: string) => text.replace("\nrun_id:", "\nrun_xx:");
  proxy.rewrite((answer) => Buffer.from(hide(answer.toString("latin1")), "latin1"));
  await add(store, 1);
  expect((await store.read()).server).toMatchObject({ run_id: "" });
});

describe("a holder that listens for the loss of the document", () => {
  const LOST = "PUBLISH iris-ports:{test}:holding lost";

  test("is called when another process finds it, and when the connection ends", async () => {
    const { server, proxy, store } = await bench();
    const listener = vi.fn();
    await store.shared.listenForLoss(listener);
    await store.shared.listenForLoss(listener);
    await server.command(LOST);
    await expect.poll(() => listener.mock.calls, { timeout: 10_000 }).toHaveLength(1);
    proxy.pointTo(server.port);
    await expect.poll(() => listener.mock.calls, { timeout: 10_000 }).toHaveLength(2);
    await store.shared.listenForLoss(listener);
    await server.command(LOST);
    await expect.poll(() => listener.mock.calls, { timeout: 10_000 }).toHaveLength(3);
  });

  test("is not called any more after it stopped, also while it was about to begin", async () => {
    const { server, store, proxy } = await bench();
    await store.read();
    const [early, late] = [vi.fn(), vi.fn()];
    proxy.hold();
    const listening = store.shared.listenForLoss(early);
    await expect.poll(() => proxy.held, { timeout: 10_000 }).toContain("holding");
    store.shared.ignoreLoss();
    proxy.release();
    await listening;
    await store.shared.listenForLoss(late);
    await server.command(LOST);
    await expect.poll(() => late.mock.calls, { timeout: 10_000 }).toHaveLength(1);
    store.shared.ignoreLoss();
    proxy.pointTo(server.port);
    await vi.waitFor(() => store.read(), { timeout: 10_000 });
    expect([early, late].map(({ mock }) => mock.calls.length)).toEqual([0, 1]);
  });
});
