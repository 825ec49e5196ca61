import { PortRegistry } from "../registry/registry.ts";
import { isRedisUrl, resolvePortRange, resolveRegistryPath } from "../settings/config.ts";
import { parseRedisUrl } from "../stores/redis/redis-address.ts";

/** The options that every command has. */
export type GlobalOptions = { readonly registry?: string; readonly range?: string };

/** The registry of the options, else of the environment. @throws InvalidArgumentError */
export function openRegistry(options: GlobalOptions): PortRegistry {
  return new PortRegistry(registryOptions(options));
}

/** The same as options of a registry. @throws InvalidArgumentError */
export function registryOptions({ registry, range }: GlobalOptions) {
  return {
    ...(registry !== undefined && { registryPath: registryPathOf(registry) }),
    ...(range !== undefined && { portRange: resolvePortRange(range, "--range") }),
  };
}

/** Checks a URL here, so that an error names the option. */
function registryPathOf(registry: string): string {
  const path = resolveRegistryPath(registry, "--registry");
  if (isRedisUrl(path)) parseRedisUrl(path, "--registry");
  return path;
}
