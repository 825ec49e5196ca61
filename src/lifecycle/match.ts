import type { ContainerHost } from "../docker/container-host.ts";
import { type InspectedContainer, tcpKey } from "../docker/inspected-container.ts";
import { ContainerMismatchError } from "../errors/errors.ts";
import type { PortAssignment } from "../registry/assignment.ts";
import { LABEL_FINGERPRINT, LABEL_LIFETIME, LABEL_REGISTRY, LABEL_WEB_PORT } from "../registry/labels.ts";
import { commandText, projectWords } from "../settings/command-text.ts";
import type { Advice } from "./advice.ts";
import { differingParts, type Part } from "./fingerprint.ts";

/** A port of the container that its user exposed: such as `1972/tcp`, and the host port, if one was named. */
export type ExposedPort = { readonly key: string; readonly hostPort: number | undefined };

/** What a start requires of a container that it joins. */
export type WantedContainer = {
  /** Undefined if any image will do. */
  readonly image: string | undefined;
  readonly containerPort: number;
  readonly isWebPortWanted: boolean;
  readonly parts: readonly Part[];
  /** The other ports that the user needs. */
  readonly exposed?: readonly ExposedPort[] | undefined;
  readonly networkMode?: string | undefined;
  /** The names of the container in that network. */
  readonly networkAliases?: readonly string[] | undefined;
  readonly advice: Advice;
};

/** @throws ContainerMismatchError when the project's container does not fulfil the request */
export async function checkMatch(
  host: ContainerHost,
  assignment: PortAssignment,
  found: InspectedContainer,
  wanted: WantedContainer,
): Promise<void> {
  const { projectKey, projectPath, instance, port } = assignment;
  const differences = [
    ...(await otherImage(host, found, wanted.image)),
    ...(await differingParts(found.labels[LABEL_FINGERPRINT], wanted.parts)),
    ...otherPorts(assignment, found, wanted),
    ...unknownAliases(found, wanted),
  ];
  if (differences.length === 0) return;
  const { [LABEL_LIFETIME]: lifetime, [LABEL_REGISTRY]: registryPath } = found.labels;
  // A kept IRIS, such as that of `up`, may have data, which a forced removal could damage. One that is not kept runs only
  // while it is in use, so that `down` would refuse to stop it.
  const stop =
    lifetime === "kept"
      ? commandText(["down", ...projectWords(projectPath, instance)], registryPath)
      : `docker rm --force ${found.name}`;
  throw new ContainerMismatchError({
    what: `The project's container ${found.name} exists already, but does not have the requested ${differences.join(", ")}.`,
    state: `It serves project ${projectKey} on port ${port}. Nothing was changed.`,
    remedy:
      "request the same in all processes of the project; for a second container with its own port, use " +
      `${wanted.advice.instance}; to replace it, stop it first: ${stop}`,
    containerName: found.name,
  });
}

/** One image may have several names. */
async function otherImage(
  host: ContainerHost,
  found: InspectedContainer,
  wanted: string | undefined,
): Promise<string[]> {
  if (wanted === undefined || fullReference(found.imageName) === fullReference(wanted)) return [];
  if ((await host.findImage(wanted))?.id === found.imageId) return [];
  return [`image (${found.imageName} instead of ${wanted})`];
}

/** A name without a tag means the tag `latest`; a name without a registry means Docker Hub. */
function fullReference(image: string): string {
  const [path = "", ...digest] = image.replace(/^docker\.io\/(library\/)?/, "").split("@");
  const isTagged = digest.length > 0 || /:[^/]*$/.test(path);
  return [isTagged ? path : `${path}:latest`, ...digest].join("@");
}

function otherPorts(assignment: PortAssignment, found: InspectedContainer, wanted: WantedContainer): string[] {
  const differences: string[] = [];
  if (!isBound(found, tcpKey(wanted.containerPort), assignment.port))
    differences.push(`container port (it does not publish ${wanted.containerPort} on ${assignment.port})`);
  if (wanted.isWebPortWanted && found.labels[LABEL_WEB_PORT] !== String(assignment.webPort))
    differences.push(`web port (it was started without ${wanted.advice.webPort})`);
  for (const { key, hostPort } of wanted.exposed ?? [])
    if (!isBound(found, key, hostPort))
      differences.push(`port (it does not publish ${key}${hostPort === undefined ? "" : ` on ${hostPort}`})`);
  return differences;
}

/** Whether a port is published on that host port; undefined means any. */
function isBound(found: InspectedContainer, key: string, hostPort: number | undefined): boolean {
  return (found.bindings[key] ?? []).some((target) => hostPort === undefined || target.hostPort === hostPort);
}

function unknownAliases({ networks }: InspectedContainer, { networkMode, networkAliases = [] }: WantedContainer) {
  // Without a network Testcontainers ignores them.
  if (networkMode === undefined) return [];
  const known = networks.find(({ name, id }) => [name, id].includes(networkMode))?.aliases ?? [];
  return networkAliases
    .filter((alias) => !known.includes(alias))
    .map((alias) => `network alias (it is not known as ${alias})`);
}
