import type { CallLimits, ContainerHost } from "../docker/container-host.ts";
import type { InspectedContainer } from "../docker/inspected-container.ts";
import type { PortAssignment } from "../registry/assignment.ts";
import { isLabelledFor } from "../registry/evidence/ownership.ts";
import { LABEL_PORT, LABEL_PROJECT, LABEL_REGISTRY } from "../registry/labels.ts";

/** The container of an assignment: by its name, else, because it may have been renamed, by its labels. */
export async function findProjectContainer(
  host: ContainerHost,
  registryPath: string,
  assignment: PortAssignment,
  limits?: CallLimits,
): Promise<InspectedContainer | undefined> {
  const named = await host.find(assignment.containerName, limits);
  if (named !== undefined) return named;
  for (const id of await host.labelled(LABEL_PROJECT, assignment.projectPath, limits)) {
    const found = await host.find(id, limits);
    if (found === undefined || !isLabelledFor(found, assignment)) continue;
    const { [LABEL_REGISTRY]: registry, [LABEL_PORT]: port } = found.labels;
    if (registry === registryPath && port === String(assignment.port)) return found;
  }
  return undefined;
}
