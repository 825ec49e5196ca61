import { existsSync } from "node:fs";
import { DockerCommandEngine } from "../../docker/docker-command-engine.ts";
import type { EngineContainer } from "../../docker/engine.ts";
import { isMadeFor } from "../../lifecycle/find-container.ts";
import { type Reach, reachOf } from "../../lifecycle/reach.ts";
import type { ListedAssignment } from "../../registry/assignment.ts";
import { READ_LABELS } from "../../registry/container-labels.ts";
import { identifyProject } from "../../registry/project.ts";
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
 * Looks for the project's container: by the assignment's name, else by its labels, because it may have been renamed,
 * else the container that publishes the project's port, such as one of docker compose.
 * @throws PortNotAssignedError
 * @throws ContainerEngineError when the engine does not answer
 */
export async function findIris({ registry, engine }: OpenIris, { project, instance }: IrisOptions): Promise<FoundIris> {
  const identity = identifyProject(project, instance);
  const assignment = await registry.inspect(identity);
  if (assignment === undefined) throw notAssigned(registry, project, instance, "up");
  const containers = await engine.listContainers();
  const container =
    containers.find(({ name }) => name === assignment.containerName) ??
    containers.find((candidate) => isMadeFor(candidate, registry.registryPath, assignment)) ??
    containers.find(({ hostPorts }) => hostPorts.includes(assignment.port));
  return { assignment, container };
}

/**
 * Whether published ports open in the network of this process. In a container, whose file this is, they do where the
 * engine runs in it as well, and has its bridge there.
 */
function isHostShared(): boolean {
  const isInContainer = existsSync("/.dockerenv") || existsSync("/run/.containerenv");
  return !isInContainer || existsSync("/sys/class/net/docker0");
}
