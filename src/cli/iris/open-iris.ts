import { existsSync } from "node:fs";
import { DockerCommandEngine } from "../../docker/docker-command-engine.ts";
import type { EngineContainer } from "../../docker/engine.ts";
import { isMadeFor } from "../../lifecycle/find-container.ts";
import { isInHostNetwork, type Reach, reachOf } from "../../lifecycle/reach.ts";
import type { ListedAssignment, PortAssignment } from "../../registry/assignment.ts";
import { READ_LABELS } from "../../registry/container-labels.ts";
import { isCopy, isLabelledFor } from "../../registry/evidence/ownership.ts";
import { LABEL_PROJECT, LABEL_REGISTRY } from "../../registry/labels.ts";
import { identifyProject, type ProjectIdentity } from "../../registry/project.ts";
import { PortRegistry } from "../../registry/registry.ts";
import { environment } from "../../settings/config.ts";
import { notAssigned } from "../not-assigned.ts";
import { type GlobalOptions, registryOptions } from "../open-registry.ts";

/** Which project's IRIS a command is about. */
export type IrisOptions = GlobalOptions & {
  readonly project?: string | undefined;
  readonly instance?: string | undefined;
};

/** The registry, and the engine that it asks and that runs IRIS, through the docker command. */
export type OpenIris = { readonly registry: PortRegistry; readonly engine: DockerCommandEngine };

/** @throws InvalidArgumentError */
export function openIris(options: GlobalOptions): OpenIris {
  const engine = new DockerCommandEngine({ labels: READ_LABELS, isHostShared: isHostShared() });
  return { engine, registry: new PortRegistry({ ...registryOptions(options), engine }) };
}

/** Where the engine's published ports open. */
export function reachOfEngine({ isLocal, endpoint }: DockerCommandEngine): Promise<Reach> {
  const knownHost = environment().testcontainersHostOverride;
  return reachOf({ isLocal, endpoint, knownHost, isInContainer: !isHostShared() });
}

/** A project's assignment, and the container that publishes its port, in any state. */
export type FoundIris = { readonly assignment: ListedAssignment; readonly container: EngineContainer | undefined };

/**
 * The project's assignment and its container.
 * @throws PortNotAssignedError
 * @throws ContainerEngineError when the engine does not answer
 */
export async function findIris({ registry, engine }: OpenIris, { project, instance }: IrisOptions): Promise<FoundIris> {
  const identity = identifyProject(project, instance);
  const assignment = await registry.inspect(identity);
  if (assignment === undefined) throw await notAssigned(registry, project, instance, "up");
  return { assignment, container: containerOf(await engine.listContainers(), registry, assignment) };
}

/**
 * The project's container: by the assignment's name, else by its labels, because it may have been renamed, else the
 * container that publishes the project's port, such as one of docker compose; a running one comes first. A container made
 * for another project never counts.
 */
export function containerOf(
  listed: readonly EngineContainer[],
  { registryPath }: PortRegistry,
  assignment: PortAssignment,
): EngineContainer | undefined {
  const containers = listed.filter(
    (candidate) => !candidate.labels[LABEL_PROJECT] || isLabelledFor(candidate, assignment),
  );
  const onPort = containers.filter(({ hostPorts }) => hostPorts.includes(assignment.port));
  const named = containers.find(({ name }) => name === assignment.containerName);
  return (
    (named?.labels[LABEL_PROJECT] ? named : undefined) ??
    containers.find((candidate) => isMadeFor(candidate, registryPath, assignment)) ??
    named ??
    onPort.find(({ state }) => state === "running" || state === "paused") ??
    onPort[0]
  );
}

/** True for a container that the registry made for the project, even if the project has no assignment now. */
export function isMadeForProject(
  container: EngineContainer,
  { registryPath }: PortRegistry,
  identity: ProjectIdentity,
): boolean {
  return container.labels[LABEL_REGISTRY] === registryPath && isLabelledFor(container, identity) && !isCopy(container);
}

/** Whether published ports open in the network of this process, which may be in a container, as these files show. */
function isHostShared(): boolean {
  const isInContainer = existsSync("/.dockerenv") || existsSync("/run/.containerenv");
  return !isInContainer || isInHostNetwork();
}
