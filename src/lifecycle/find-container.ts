import type { CallLimits, ContainerHost } from "../docker/container-host.ts";
import type { EngineContainer } from "../docker/engine.ts";
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
    if (found !== undefined && isMadeFor(found, registryPath, assignment)) return found;
  }
  return undefined;
}

/** True if the registry made the container for this assignment, whatever its name is now. */
export function isMadeFor(
  container: Pick<EngineContainer, "labels">,
  registryPath: string,
  assignment: PortAssignment,
): boolean {
  const { [LABEL_REGISTRY]: registry, [LABEL_PORT]: port } = container.labels;
  return isLabelledFor(container, assignment) && registry === registryPath && port === String(assignment.port);
}
