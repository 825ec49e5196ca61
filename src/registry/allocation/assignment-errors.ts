import { ContainerEngineError, InvalidArgumentError, RegistryAccessError } from "../../errors/errors.ts";
import { commandText, projectWords, shellQuoted } from "../../settings/command-text.ts";
import type { PortAssignment } from "../assignment.ts";
import { PortConflictError, type PortOccupant } from "../errors.ts";
import { describeHolder } from "../evidence/staleness.ts";
import type { Holder } from "../holder.ts";
import { listenerName } from "../host/listening-ports.ts";
import type { AssignRequest } from "./request.ts";

/** The parts of a request that decide which remedy helps. */
type Asked = {
  readonly projectKey?: string;
  readonly preferredPort?: number | undefined;
  readonly registryPath?: string;
  /** The project's entry is the Python tool's, which keeps its port. */
  readonly isForeign?: boolean | undefined;
};

const FOREIGN = "The entry of this directory was made by the Python tool iris-devtester.";
/** A second entry for the directory, beside that of the Python tool. */
const OWN_PORT = "take a port beside it with an instance name: withInstance(name), --instance name";

/** The port that a project needs is in use. */
export function conflictError(port: number, found: PortOccupant, asked: Asked = {}): PortConflictError {
  const occupant = nameListener(found);
  const isChosen = asked.preferredPort === port && !asked.isForeign;
  const purpose = isChosen || asked.projectKey === undefined ? "" : `, and project ${asked.projectKey} needs it`;
  return new PortConflictError({
    what: `Port ${port} is in use by ${describeOccupant(occupant)}${purpose}.`,
    state: `${asked.isForeign ? `${FOREIGN} ` : ""}Nothing was assigned.`,
    remedy: `${asked.isForeign ? `${OWN_PORT}; or ` : ""}${remedyFor(occupant, asked.registryPath)}${isChosen ? ", or ask for no port number: any free port is then assigned" : ""}.`,
    port,
    occupant,
  });
}

/** A project asks by number for a port while it holds another. */
export function otherPortError(
  assignment: PortAssignment,
  preferredPort: number,
  { registryPath, isForeign }: Asked = {},
): PortConflictError {
  const release = releaseCommand(assignment.projectPath, assignment.instance, registryPath);
  return new PortConflictError({
    what: `Port ${preferredPort} was asked for, but the project already holds port ${assignment.port}.`,
    state: `${isForeign ? `${FOREIGN} ` : ""}Project ${assignment.projectKey} keeps port ${assignment.port}.`,
    remedy: `use port ${assignment.port}, or ${isForeign ? OWN_PORT : `release it first: ${release}`}`,
    port: preferredPort,
    occupant: { kind: "assignment", port: assignment.port, name: assignment.projectKey },
  });
}

/** A start asks by number for a port, while the project's container, whose port was released, is on another. */
export function otherContainerError(
  container: PortOccupant,
  { projectPath, instance, preferredPort = container.port }: AssignRequest,
  registryPath: string,
): PortConflictError {
  const down = commandText(["down", ...projectWords(projectPath, instance)], registryPath);
  return new PortConflictError({
    what: `Port ${preferredPort} was asked for, but the project's container ${container.name} is on port ${container.port}.`,
    state: "Nothing was assigned.",
    remedy: `use port ${container.port}, or stop the container first: ${down}`,
    port: preferredPort,
    occupant: container,
  });
}

/** A path that ends like an instance, and the project with that instance, have the same key in the document. */
export function ambiguousError(assignment: PortAssignment): InvalidArgumentError {
  return new InvalidArgumentError({
    what: `${JSON.stringify(assignment.projectKey)} already names another project and instance.`,
    state: `It is project ${assignment.projectPath}${assignment.instance ? `, instance ${assignment.instance}` : ""}.`,
    remedy: "choose another instance name.",
    argument: "instance",
    value: assignment.projectKey,
  });
}

/** The server of a shared registry was restarted or lost its data, so no new port is assigned for a while. */
export function graceError(registryPath: string, until: Date, now: Date): RegistryAccessError {
  const seconds = Math.ceil((until.getTime() - now.getTime()) / 1_000);
  return new RegistryAccessError({
    what: `The server of the port registry ${registryPath} was restarted or lost data, and gives out no new port yet.`,
    state: `For ${seconds} s more, running processes assert the ports they hold. Ports that are assigned stay assigned.`,
    remedy: `run it again in ${seconds} s, or let it wait: iris-ports run --wait ${seconds + 5} -- <command>`,
    registryPath,
  });
}

/** The last user of the project's container does not finish removing it. */
export function leavingError(assignment: PortAssignment, waitedMs: number): ContainerEngineError {
  return new ContainerEngineError({
    what: `The project's container ${assignment.containerName} is being removed, for over ${Math.round(waitedMs / 1000)} s now.`,
    state: `Project ${assignment.projectKey} holds port ${assignment.port}.`,
    remedy: `check it (docker ps --all --filter name=${assignment.containerName}) and remove it: docker rm --force ${assignment.containerName}`,
  });
}

export function describeOccupant(occupant: PortOccupant): string {
  if (occupant.kind === "assignment") return `project ${occupant.name}`;
  return occupant.kind === "container" ? `container ${occupant.name}` : occupant.name;
}

/** Adds the name of a listener; too slow to find out under the lock. */
export function nameListener(occupant: PortOccupant): PortOccupant {
  return occupant.kind === "listener" && occupant.name === ""
    ? { ...occupant, name: listenerName(occupant.port) }
    : occupant;
}

/** A project was to be released while live processes or jobs hold its port. */
export function inUseError(
  { projectKey, projectPath, instance, port }: PortAssignment,
  users: readonly Holder[],
  registryPath: string,
  refused: "release" | "down" = "release",
): PortConflictError {
  const command = commandText([refused, ...projectWords(projectPath, instance), "--force"], registryPath);
  return new PortConflictError({
    what: `Port ${port} was not released: project ${projectKey} is in use.`,
    state: users.map((user) => `  held by ${describeHolder(user)}`).join("\n"),
    remedy: `let it end, or release the port all the same: ${command}`,
    port,
    occupant: { kind: "assignment", port, name: projectKey },
  });
}

/** The command that releases a project's port. */
export function releaseCommand(projectPath: string, instance: string | undefined, registryPath?: string): string {
  return commandText(["release", ...projectWords(projectPath, instance)], registryPath);
}

/** The end of the name of an occupant that only waits for the port. */
export const WAITS_FOR_IT = ", which has waited for it";

function remedyFor({ kind, name }: PortOccupant, registryPath: string | undefined): string {
  if (kind === "container") return `stop that container (docker stop ${shellQuoted(name)})`;
  if (kind === "listener") return "stop that process";
  if (name.endsWith(WAITS_FOR_IT)) return "queue for it as well (--wait 5m, waitTimeoutMs)";
  const [projectPath = "", instance] = name.split(/#(?=[\w.-]+$)/);
  return `release it when that project no longer needs it (${releaseCommand(projectPath, instance, registryPath)})`;
}
