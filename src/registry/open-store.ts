import type { ContainerEngine } from "../docker/engine.ts";
import { ContainerEngineError, InvalidArgumentError } from "../errors/errors.ts";
import { commandText } from "../settings/command-text.ts";
import { DEFAULT_LOCK_TIMEOUT_MS, isRedisUrl, resolveRegistryPath } from "../settings/config.ts";
import { FileStore } from "../stores/file-store.ts";
import { parseRedisUrl, type RedisAddress } from "../stores/redis/redis-address.ts";
import { listPools, RedisStore } from "../stores/redis/redis-store.ts";
import type { Store } from "../stores/store.ts";

export type StoreOptions = {
  /** A file's path or a Redis URL. @default `IRIS_PORT_REGISTRY`, else the file of this user */
  readonly registryPath?: string | undefined;
  readonly lockTimeoutMs: number;
  readonly isDurable: boolean;
  /** The engine; its ID names the pool of ports on a Redis server, because ports belong to the host of an engine. */
  readonly engine: ContainerEngine | undefined;
};

/** The store that a path or URL names. @throws InvalidArgumentError */
export function openStore({ registryPath, lockTimeoutMs, isDurable, engine }: StoreOptions): Store {
  const path = resolveRegistryPath(registryPath);
  if (!isRedisUrl(path)) return new FileStore({ path, lockTimeoutMs, isDurable });
  const address = parseRedisUrl(path, registryPath === undefined ? "IRIS_PORT_REGISTRY" : "registryPath");
  return redisStore(address, () => poolOf(engine, address.location), lockTimeoutMs);
}

/**
 * The pools that a Redis server keeps, each with its store. A URL cannot name every pool: an engine's ID may contain any
 * character.
 * @param argument names the URL in messages
 * @throws RegistryAccessError, InvalidArgumentError
 */
export async function poolsAt(
  url: string,
  argument: string,
): Promise<readonly { readonly name: string; readonly store: Store }[]> {
  const address = { ...parseRedisUrl(url, argument), name: undefined };
  const names = await listPools(address);
  return names.map((name) => ({ name, store: redisStore(address, async () => name, DEFAULT_LOCK_TIMEOUT_MS) }));
}

function redisStore(address: RedisAddress, pool: () => Promise<string>, lockTimeoutMs: number): Store {
  const repairCommand = commandText(["doctor", "--repair"], address.location);
  return new RedisStore({ address, pool, lockTimeoutMs, repairCommand });
}

/** The name of the pool. @throws InvalidArgumentError if no engine answers whose ID could name it */
async function poolOf(engine: ContainerEngine | undefined, location: string): Promise<string> {
  try {
    const id = await engine?.identify?.();
    if (id !== undefined) return id;
  } catch (error) {
    if (!(error instanceof ContainerEngineError)) throw error;
    throw noPoolError(location, error);
  }
  throw noPoolError(location, undefined);
}

function noPoolError(location: string, cause: unknown): InvalidArgumentError {
  return new InvalidArgumentError({
    what: `The port registry ${location} names no pool of ports, and no container engine answers whose ID could name it.`,
    state: "Ports belong to the host of a container engine, so each engine has a pool of its own.",
    remedy: "start the container engine, or add a name to the URL: ?name=ci",
    argument: "IRIS_PORT_REGISTRY",
    value: location,
    cause,
  });
}
