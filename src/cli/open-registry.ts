import { PortRegistry } from "../registry/registry.ts";
import { resolveRegistryPath } from "../settings/config.ts";

/** The options that every command has. */
export type GlobalOptions = { readonly registry?: string; readonly range?: string };

/** The registry that the options, else the environment, name. @throws InvalidArgumentError */
export function openRegistry({ registry, range }: GlobalOptions): PortRegistry {
  return new PortRegistry({
    ...(registry !== undefined && { registryPath: resolveRegistryPath(registry, "--registry") }),
    ...(range !== undefined && { portRange: range }),
  });
}
