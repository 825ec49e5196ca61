import { PortRegistry } from "../registry/registry.ts";
import { resolvePortRange, resolveRegistryPath } from "../settings/config.ts";

/** The options that every command has. */
export type GlobalOptions = { readonly registry?: string; readonly range?: string };

/** The registry of the options, else of the environment. @throws InvalidArgumentError */
export function openRegistry(options: GlobalOptions): PortRegistry {
  return new PortRegistry(registryOptions(options));
}

/** The same as options of a registry. @throws InvalidArgumentError */
export function registryOptions({ registry, range }: GlobalOptions) {
  return {
    ...(registry !== undefined && { registryPath: resolveRegistryPath(registry, "--registry") }),
    ...(range !== undefined && { portRange: resolvePortRange(range, "--range") }),
  };
}
