import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { manualHolder } from "../../src/registry/holder.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import type { PortRegistryOptions } from "../../src/registry/registry-options.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { PoolOfEachTest } from "../helpers/pool-of-each-test.ts";
import { RedisProxy } from "../helpers/redis-proxy.ts";

const LEASE_MS = 2_000;
const WAIT = { waitTimeoutMs: 20_000 };

const pool = new PoolOfEachTest(LEASE_MS);

function open(portRange: readonly [number, number], more: PortRegistryOptions = {}): PortRegistry {
  return new PortRegistry({ engine: new FakeEngine(), portRange, store: pool.store(), ...more });
}

/** On another host, from which the processes of this one cannot be observed. */
const ELSEWHERE = { liveness: async () => "unknown" as const };

test("a port whose lease ended before the commit is acknowledged with a new lease", async () => {
  const range = await freePorts(1);
  const elsewhere = open(range, ELSEWHERE);
  await elsewhere.assignPort("/p/settled", WAIT);
  await elsewhere.releasePort("/p/settled");
  let pauses = 0;
  const probe = async () => {
    if (pauses++ === 0) await delay(LEASE_MS * 1.5);
    return true;
  };
  const mine = open(range, { probe });
  await mine.assignPort("/p/mine", WAIT);
  const acknowledgedAtMs = Date.now();
  const expiresAt = (await elsewhere.inspect("/p/mine"))?.holders[0]?.expiresAt;
  expect(expiresAt?.getTime()).toBeGreaterThan(acknowledgedAtMs);
});

test("a port that another project has got before its commit is acknowledged is not acknowledged", async () => {
  const range = await freePorts(2);
  const elsewhere = open(range, ELSEWHERE);
  const store = pool.store();
  const update = store.update.bind(store);
  let taken: number | undefined;
  store.update = async (change) => {
    const result = await update(change);
    if (taken === undefined) {
      taken = (await elsewhere.getAssignment("/p/mine"))?.port;
      await elsewhere.assignPort("/p/next", { ...WAIT, preferredPort: taken, holder: manualHolder() });
    }
    return result;
  };
  const { port } = await open(range, { store }).assignPort("/p/mine", WAIT);
  expect((await elsewhere.getAssignment("/p/next"))?.port).toBe(taken);
  expect((await elsewhere.getAssignment("/p/mine"))?.port).toBe(port);
});

test("an assigned port is held although the connection breaks before its loss can be listened for", async () => {
  const range = await freePorts(2);
  const elsewhere = open(range, ELSEWHERE);
  await elsewhere.assignPort("/p/other", { ...WAIT, holder: manualHolder() });
  const proxy = await RedisProxy.open(pool.server.port);
  let isCommitted = false;
  proxy.rewrite((answer) => {
    if (!isCommitted && answer.toString().startsWith("*2\r\n:1\r\n:")) {
      isCommitted = true;
      proxy.loseNext("request");
      proxy.refuse();
    }
    return answer;
  });
  const mine = open(range, { store: pool.store(proxy) });
  await mine.assignPort("/p/mine");
  const before = (await elsewhere.inspect("/p/mine"))?.holders[0]?.expiresAt;
  proxy.refuse(false);
  const expiresAt = async () => (await elsewhere.inspect("/p/mine"))?.holders[0]?.expiresAt?.getTime();
  await expect.poll(expiresAt, { timeout: 20_000 }).toBeGreaterThan(before?.getTime() as number);
});
