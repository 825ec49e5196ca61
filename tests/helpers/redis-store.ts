import { parseRedisUrl } from "../../src/stores/redis/redis-address.ts";
import { RedisStore, type RedisStoreOptions } from "../../src/stores/redis/redis-store.ts";

/** The store of a pool, by default with a lease that no test waits for. */
export function redisStore(url: string, leaseMs = 90_000, options: Partial<RedisStoreOptions> = {}): RedisStore {
  return new RedisStore({
    address: parseRedisUrl(url, "registryPath"),
    pool: async () => "unnamed",
    lockTimeoutMs: 5_000,
    repairCommand: "iris-ports doctor --repair",
    leaseMs,
    ...options,
  });
}
