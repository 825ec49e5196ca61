import type { ListedAssignment } from "../registry/assignment.ts";
import type { RebuildOptions, Rebuilt } from "../registry/doctor/rebuild.ts";
import type { PortRegistry } from "../registry/registry.ts";
import { assignmentJson } from "../report/assignment-json.ts";
import { plainText } from "../text/plain-text.ts";

/** The result of `doctor --repair`. */
export type Repair = Rebuilt & { readonly stale: readonly ListedAssignment[] };

/**
 * Removes obstacles, rebuilds a lost document, and removes stale assignments.
 * @throws ContainerEngineError, RegistrySchemaError, RegistryAccessError: then nothing was changed
 */
export async function repair(registry: PortRegistry, options: RebuildOptions): Promise<Repair> {
  const rebuilt = await registry.rebuild(options);
  return { ...rebuilt, stale: await registry.cleanupStale() };
}

/** The result, one line per change. */
export function repairText({ unreadable, cleared, restored, skipped, stale }: Repair): string {
  const lines = [
    ...(unreadable === undefined
      ? []
      : [`replaced the unreadable document; its bytes are kept as ${unreadable.keptAs}`]),
    ...cleared.map(({ path, keptAs }) => (keptAs === undefined ? `removed ${path}` : `moved ${path} to ${keptAs}`)),
    ...restored.map(({ projectKey, port }) => `restored port ${port} of ${projectKey} from its container`),
    ...skipped.map(({ containerName, reason }) => `skipped container ${containerName}: ${reason}`),
    ...stale.map(({ projectKey, port }) => `removed as stale: port ${port} of ${projectKey}`),
  ];
  if (lines.length === 0) return "There was nothing to repair.\n";
  return lines.map((line) => `${plainText(line)}\n`).join("");
}

/** The result for `--json`. */
export function repairJson({ unreadable, cleared, restored, skipped, stale }: Repair) {
  return {
    unreadable,
    cleared,
    restored: restored.map(assignmentJson),
    skipped,
    stale: stale.map(assignmentJson),
  };
}
