import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, onTestFinished, vi } from "vitest";
import { closeSessions } from "../../src/stores/redis/redis-sessions.ts";
import type { RedisStore } from "../../src/stores/redis/redis-store.ts";
import { RedisServer } from "./redis-server.ts";
import { redisStore } from "./redis-store.ts";

/**
 * One server for all tests of a file, because a new one gives out no port for some seconds, and a pool for each. Holders
 * are renewed only when a test says so, as after a suspension.
 */
export class PoolOfEachTest {
  readonly #leaseMs: number;
  #server: RedisServer | undefined;
  #name = "";

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
    beforeAll(async () => {
      this.#server = await RedisServer.startFor(["--appendonly", "yes"]);
    });
    afterAll(() => this.#server?.dispose());
    beforeEach(() => {
      this.#name = `test-${randomUUID()}`;
      vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
      onTestFinished(() => void vi.useRealTimers());
      onTestFinished(closeSessions);
    });
  }

  get name(): string {
    return this.#name;
  }

  get server(): RedisServer {
    if (this.#server === undefined) throw new Error("the server starts before the first test");
    return this.#server;
  }

  /** @param at the server, or a proxy in front of it */
  store(at: Pick<RedisServer, "url"> = this.server): RedisStore {
    return redisStore(at.url(`name=${this.#name}`), this.#leaseMs);
  }
}
