import { type ContainerRuntimeClient, ImageName } from "testcontainers";
import { isMissing } from "../../docker/engine-error-kinds.ts";
import { ContainerMismatchError } from "../../errors/errors.ts";
import { differingParts, type Part } from "../../lifecycle/fingerprint.ts";
import type { PortAssignment } from "../../registry/assignment.ts";
import { LABEL_FINGERPRINT, LABEL_WEB_PORT } from "../../registry/labels.ts";
import type { Inspected } from "../engine/engine-containers.ts";
import { bindingsOf, type ExposedPort, tcpKey } from "./port-bindings.ts";

/** What a start asks of a container that it is going to join. */
export type WantedContainer = {
  /** Undefined: any will do. */
  readonly imageName: ImageName | undefined;
  readonly containerPort: number;
  readonly isWebPortWanted: boolean;
  readonly parts: readonly Part[];
  /** The further ports that its user reaches. */
  readonly exposed: readonly ExposedPort[];
  readonly networkMode: string | undefined;
  /** What it is called in that network. */
  readonly networkAliases: readonly string[];
};

/** @throws ContainerMismatchError when the project's running container is not what is asked for */
export async function checkMatch(
  client: ContainerRuntimeClient,
  assignment: PortAssignment,
  running: Inspected,
  wanted: WantedContainer,
): Promise<void> {
  const labels = running.Config.Labels;
  const differences = [...(await differingParts(labels[LABEL_FINGERPRINT], wanted.parts))];
  const { imageName, containerPort } = wanted;
  if (imageName !== undefined && !(await isSameImage(client, running, imageName)))
    differences.unshift(`image (${running.Config.Image} instead of ${imageName.string})`);
  if (!publishes(running, tcpKey(containerPort), assignment.port))
    differences.push(`container port (it does not publish ${containerPort} on ${assignment.port})`);
  if (wanted.isWebPortWanted && labels[LABEL_WEB_PORT] !== String(assignment.webPort))
    differences.push("web port (it was started without withWebPort())");
  differences.push(...unpublished(running, wanted), ...unknownAliases(running, wanted));
  if (differences.length === 0) return;
  throw new ContainerMismatchError({
    what: `The project's container ${assignment.containerName} runs already, and was started with another ${differences.join(", ")}.`,
    state: `It serves project ${assignment.projectKey} on port ${assignment.port}. Nothing was changed.`,
    remedy:
      "ask for the same in all processes of the project; for a second container beside it, with a port of its own, use " +
      `withInstance(name); to replace it, stop it first: docker rm --force ${assignment.containerName}`,
    containerName: assignment.containerName,
  });
}

/** One image may have several names. */
async function isSameImage(client: ContainerRuntimeClient, running: Inspected, wanted: ImageName): Promise<boolean> {
  if (ImageName.fromString(running.Config.Image).string === wanted.string) return true;
  try {
    return (await client.image.inspect(wanted)).Id === running.Image;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function unpublished(running: Inspected, { exposed }: WantedContainer): string[] {
  return exposed
    .filter(({ key, hostPort }) => !publishes(running, key, hostPort))
    .map(({ key, hostPort }) => `port (it does not publish ${key}${hostPort === undefined ? "" : ` on ${hostPort}`})`);
}

function unknownAliases(running: Inspected, { networkMode, networkAliases }: WantedContainer): string[] {
  // Without a network Testcontainers does not look at them.
  if (networkMode === undefined) return [];
  const networks = Object.entries(running.NetworkSettings.Networks);
  const [, network] = networks.find(([name, { NetworkID }]) => [name, NetworkID].includes(networkMode)) ?? [];
  const known: readonly string[] = network?.Aliases ?? [];
  return networkAliases
    .filter((alias) => !known.includes(alias))
    .map((alias) => `network alias (it is not known as ${alias})`);
}

/** Whether a port goes to that host port; undefined: to any. */
function publishes(running: Inspected, key: string, hostPort: number | undefined): boolean {
  const bindings = bindingsOf(running, key);
  return bindings.some(({ HostPort }) => hostPort === undefined || Number(HostPort) === hostPort);
}
