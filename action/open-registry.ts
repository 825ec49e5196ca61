import type { EngineAddress } from "../src/docker/engine-address.ts";
import { openStore } from "../src/registry/open-store.ts";
import { PortRegistry } from "../src/registry/registry.ts";
import { DEFAULT_LOCK_TIMEOUT_MS } from "../src/settings/config.ts";
import type { Store } from "../src/stores/store.ts";
import { DockerCliEngine } from "./docker-cli-engine.ts";

/** A registry, the store behind it, and the engine that it asks. */
export type OpenRegistry = {
  readonly registry: PortRegistry;
  readonly store: Store;
  readonly engine: DockerCliEngine;
};

/** Everything explicit: a step of the job may have changed the environment since. */
export function openRegistry(options: {
  /** A path, or the URL of a Redis server. */
  readonly registryAddress: string;
  readonly portRange: readonly [number, number];
  readonly isInContainer: boolean;
  /** @default what the environment names */
  readonly engineAddress?: EngineAddress | undefined;
}): OpenRegistry {
  const engine = new DockerCliEngine({ isHostShared: !options.isInContainer, address: options.engineAddress });
  const { registryAddress: registryPath } = options;
  const store = openStore({ registryPath, lockTimeoutMs: DEFAULT_LOCK_TIMEOUT_MS, isDurable: true, engine });
  return { engine, store, registry: new PortRegistry({ store, engine, portRange: options.portRange }) };
}
