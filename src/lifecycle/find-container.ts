import type { CallLimits, ContainerHost } from "../docker/container-host.ts";
import type { EngineContainer } from "../docker/engine.ts";
import type { InspectedContainer } from "../docker/inspected-container.ts";
import type { PortAssignment } from "../registry/assignment.ts";
import { observeMaker } from "../registry/evidence/makers.ts";
import { isCopy, isImageCopy, isLabelledFor } from "../registry/evidence/ownership.ts";
import { LABEL_LIFETIME, LABEL_PORT, LABEL_PROJECT, LABEL_REGISTRY } from "../registry/labels.ts";
import type { KnownProject } from "../registry/project.ts";

/**
 * The container of an assignment: by its name, else by its labels, because it may have been renamed. Another program may have
 * made a container with the former name since.
 */
export async function findProjectContainer(
  host: ContainerHost,
  registryPath: string,
  assignment: PortAssignment,
  limits?: CallLimits,
): Promise<InspectedContainer | undefined> {
  const named = await host.find(assignment.containerName, limits);
  if (named !== undefined && isLabelledFor(named, assignment)) return named;
  for (const id of await host.labelled(LABEL_PROJECT, assignment.projectPath, limits)) {
    const found = await host.find(id, limits);
    if (found === undefined) continue;
    const hostPorts = Object.values(found.bindings).flatMap((targets) => targets.map(({ hostPort }) => hostPort));
    if (isMadeFor({ ...found, hostPorts }, registryPath, assignment)) return found;
  }
  return named;
}

/** True if the registry made the container for this assignment, whatever its name is now. */
export function isMadeFor(
  container: Pick<EngineContainer, "labels" | "hostPorts">,
  registryPath: string,
  assignment: PortAssignment,
): boolean {
  const { [LABEL_REGISTRY]: registry, [LABEL_PORT]: port } = container.labels;
  const isLabelled = isLabelledFor(container, assignment) && registry === registryPath;
  return isLabelled && port === String(assignment.port) && !isCopy(container);
}

/** True if `docker commit` made the container's image of a container of a registry, whose labels it has. */
export async function isCommitted(
  host: ContainerHost,
  { labels, imageId }: InspectedContainer,
  limits?: CallLimits,
): Promise<boolean> {
  return isImageCopy(labels, (await host.findImage(imageId, limits))?.labels);
}

/**
 * True for a running container of the project that is not a leftover, because it is kept or its maker is alive. A start joins
 * it as it is, or refuses it; neither needs the image.
 */
export async function isSureToStay(
  { state, labels }: Pick<EngineContainer, "state" | "labels">,
  registryPath: string,
  project: KnownProject,
): Promise<boolean> {
  if (state !== "running" && state !== "paused") return false;
  if (labels[LABEL_REGISTRY] !== registryPath || !isLabelledFor({ labels }, project)) return false;
  return labels[LABEL_LIFETIME] === "kept" || (await observeMaker(labels)) === "alive";
}
