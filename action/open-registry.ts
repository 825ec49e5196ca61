import { DockerCommandEngine } from "../src/docker/docker-command-engine.ts";
import type { EngineAddress } from "../src/docker/engine-address.ts";
import { READ_LABELS } from "../src/registry/container-labels.ts";
import { PortRegistry } from "../src/registry/registry.ts";

/** A registry, and the engine that it asks. */
export type OpenRegistry = { readonly registry: PortRegistry; readonly engine: DockerCommandEngine };

/** All settings are explicit, because a step of the job may have changed the environment since. */
export function openRegistry(options: {
  /** A path, or the URL of a Redis server. */
  readonly registryAddress: string;
  readonly portRange: readonly [number, number];
  readonly isInContainer: boolean;
  /** @default what the environment names */
  readonly engineAddress?: EngineAddress | undefined;
}): OpenRegistry {
  const { registryAddress: registryPath, portRange, isInContainer, engineAddress } = options;
  const engine = new DockerCommandEngine({ labels: READ_LABELS, isHostShared: !isInContainer, address: engineAddress });
  return { engine, registry: new PortRegistry({ registryPath, portRange, engine }) };
}
