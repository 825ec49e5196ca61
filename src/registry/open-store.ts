import type { ContainerEngine } from "../docker/engine.ts";
import { ContainerEngineError, InvalidArgumentError } from "../errors/errors.ts";
import { commandText } from "../settings/command-text.ts";
import { isRedisUrl, resolveRegistryPath } from "../settings/config.ts";
import { FileStore } from "../stores/file-store.ts";
import { parseRedisUrl, withPoolName } from "../stores/redis/redis-address.ts";
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
  return new RedisStore({
    address,
    pool: () => poolOf(engine, address.location),
    lockTimeoutMs,
    repairCommand: commandText(["doctor", "--repair"], address.location),
  });
}

/** The pools that a Redis server keeps, each with the URL that names it. @throws RegistryAccessError */
export async function poolsAt(url: string): Promise<readonly { readonly name: string; readonly url: string }[]> {
  const address = parseRedisUrl(url, "registryPath");
  const names = await listPools(address);
  return names.map((name) => ({ name, url: withPoolName(url, name) }));
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
