import { parseRedisUrl } from "../../src/stores/redis/redis-address.ts";
import { RedisStore } from "../../src/stores/redis/redis-store.ts";

/** The store of a pool, with a lease that a test can wait for. */
export function redisStore(url: string, leaseMs: number): RedisStore {
  return new RedisStore({
    address: parseRedisUrl(url, "registryPath"),
    pool: async () => "unnamed",
    lockTimeoutMs: 5_000,
    repairCommand: "iris-ports doctor --repair",
    leaseMs,
  });
}
