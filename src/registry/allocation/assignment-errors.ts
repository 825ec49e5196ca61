import { ContainerEngineError, InvalidArgumentError, RegistryAccessError } from "../../errors/errors.ts";
import { commandText, projectWords, shellQuoted } from "../../settings/command-text.ts";
import type { PortAssignment } from "../assignment.ts";
import { PortConflictError, PortNotAssignedError, type PortOccupant } from "../errors.ts";
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
  readonly isContainerUsed?: boolean;
};

const FOREIGN = "The entry of this directory was made by the Python tool iris-devtester.";
/** A second entry for the directory, beside that of the Python tool. */
const OWN_PORT = "take a second port with an instance name: withInstance(name), --instance name";

/** The port that a project needs is in use. */
export function conflictError(port: number, found: PortOccupant, asked: Asked = {}): PortConflictError {
  const occupant = nameListener(found);
  const isChosen = asked.preferredPort === port && !asked.isForeign;
  const purpose = isChosen || asked.projectKey === undefined ? "" : `, and project ${asked.projectKey} needs it`;
  return new PortConflictError({
    what: `Port ${port} is ${occupant.kind === "waiter" ? "reserved for" : "in use by"} ${describeOccupant(occupant)}${purpose}.`,
    state: `${asked.isForeign ? `${FOREIGN} ` : ""}Nothing was assigned.`,
    remedy: `${asked.isForeign ? `${OWN_PORT}; or ` : ""}${remedyFor(occupant, asked.registryPath)}${isChosen ? ", or ask for no port number: any free port is then assigned" : ""}`,
    port,
    occupant,
  });
}

/** A project asks by number for a port while it holds another. */
export function otherPortError(
  assignment: PortAssignment,
  preferredPort: number,
  { registryPath, isForeign, isContainerUsed }: Asked = {},
): PortConflictError {
  const { projectPath, instance } = assignment;
  const freeing = isContainerUsed
    ? stopContainer(projectPath, instance, registryPath)
    : `release it first: ${releaseCommand(projectPath, instance, registryPath)}`;
  return new PortConflictError({
    what: `Port ${preferredPort} was asked for, but the project already holds port ${assignment.port}.`,
    state: `${isForeign ? `${FOREIGN} ` : ""}Project ${assignment.projectKey} keeps port ${assignment.port}.`,
    remedy: `use port ${assignment.port}, or ${isForeign ? OWN_PORT : freeing}`,
    port: preferredPort,
    occupant: { kind: "assignment", port: assignment.port, name: assignment.projectKey },
  });
}

/** A port is asked for by number while the project's container, whose port was released, is on another one. */
export function otherContainerError(
  container: PortOccupant,
  { projectPath, instance, preferredPort = container.port }: AssignRequest,
  registryPath: string,
): PortConflictError {
  return new PortConflictError({
    what: `Port ${preferredPort} was asked for, but the project's container ${container.name} is on port ${container.port}.`,
    state: "Nothing was assigned.",
    remedy: `use port ${container.port}, or ${stopContainer(projectPath, instance, registryPath)}`,
    port: preferredPort,
    occupant: container,
  });
}

/** A path that ends like an instance, and the project with that instance, have the same key in the document. */
export function ambiguousError(assignment: PortAssignment): InvalidArgumentError {
  return new InvalidArgumentError({
    what: `${JSON.stringify(assignment.projectKey)} already names another project and instance.`,
    state: `It is project ${assignment.projectPath}${assignment.instance ? `, instance ${assignment.instance}` : ""}.`,
    remedy: "choose another instance name",
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
    remedy: `try again in ${seconds} s, or wait for a port (--wait ${seconds + 5}s, waitTimeoutMs)`,
    registryPath,
  });
}

/** The last user of the project's container does not finish removing it. */
export function leavingError(
  { projectKey, port }: PortAssignment,
  containerName: string,
  waitedMs: number,
): ContainerEngineError {
  return new ContainerEngineError({
    what: `The removal of the project's container ${containerName} has not finished after ${Math.round(waitedMs / 1000)} s.`,
    state: `Project ${projectKey} holds port ${port}.`,
    remedy: `check it (docker ps --all --filter name=${containerName}) and remove it: docker rm --force ${containerName}`,
  });
}

/** A project whose port is to be released has none. */
export function notAssignedError(projectKey: string, registryPath: string): PortNotAssignedError {
  return new PortNotAssignedError({
    what: `Project ${projectKey} has no port assigned.`,
    state: `Registry ${registryPath}. Nothing was changed.`,
    remedy: `it may have been released or cleaned already; see what is assigned: ${commandText(["list"], registryPath)}`,
    project: projectKey,
  });
}

export function describeOccupant(occupant: PortOccupant): string {
  if (occupant.kind === "assignment") return `project ${occupant.name}`;
  if (occupant.kind === "waiter") return `project ${occupant.name}, which has waited for it`;
  return occupant.kind === "container" ? `container ${occupant.name}` : occupant.name;
}

/** Adds the name of a listener; too slow to find out under the lock. */
export function nameListener(occupant: PortOccupant): PortOccupant {
  return occupant.kind === "listener" && occupant.name === ""
    ? { ...occupant, name: listenerName(occupant.port) }
    : occupant;
}

/** A port was to be released, or an IRIS stopped, while live processes or jobs hold the project's port. */
export function inUseError(
  { projectKey, projectPath, instance, port }: PortAssignment,
  users: readonly Holder[],
  registryPath: string,
  refused: "release" | "down" = "release",
): PortConflictError {
  const command = commandText([refused, ...projectWords(projectPath, instance), "--force"], registryPath);
  const isDown = refused === "down";
  const what = isDown ? `The IRIS on port ${port} was not stopped` : `Port ${port} was not released`;
  return new PortConflictError({
    what: `${what}: project ${projectKey} is in use.`,
    state: users.map((user) => `  held by ${describeHolder(user)}`).join("\n"),
    remedy: `wait until these holders end, or ${isDown ? "stop it" : "release the port"} anyway: ${command}`,
    port,
    occupant: { kind: "assignment", port, name: projectKey },
  });
}

function stopContainer(projectPath: string, instance: string | undefined, registryPath: string | undefined): string {
  return `stop the container first: ${commandText(["down", ...projectWords(projectPath, instance)], registryPath)}`;
}

/** The command that releases a project's port. */
export function releaseCommand(projectPath: string, instance: string | undefined, registryPath?: string): string {
  return commandText(["release", ...projectWords(projectPath, instance)], registryPath);
}

/** The programs that listen for a container of another engine, and that engine's command: the container would outlive them. */
const FORWARDERS: ReadonlyMap<string, string> = new Map([
  ["conmon", "podman"],
  ["rootlessport", "podman"],
  ["docker-proxy", "docker"],
]);

/** How to find and stop the process that listens on a port of this host. */
export function stopListener({ port, name }: PortOccupant): string {
  const [, pid, program = ""] = /^process (\d+) \((.*)\)$/.exec(name) ?? [];
  const engine = FORWARDERS.get(program);
  if (engine !== undefined) return `stop the container that publishes the port: see ${engine} ps`;
  if (pid !== undefined) return `stop that process: kill ${pid}`;
  if (process.platform === "win32") return `find that process and stop it: netstat -ano | findstr :${port}`;
  const find = process.platform === "linux" ? `ss -ltnp 'sport = :${port}'` : `lsof -nP -iTCP:${port} -sTCP:LISTEN`;
  return `find that process and stop it: sudo ${find}`;
}

function remedyFor(occupant: PortOccupant, registryPath: string | undefined): string {
  const { kind, name } = occupant;
  // A container that is only stopped keeps its ports.
  if (kind === "container")
    return `stop and remove that container (docker stop ${shellQuoted(name)} && docker rm ${shellQuoted(name)})`;
  if (kind === "listener") return stopListener(occupant);
  if (kind === "waiter") return "queue for it as well (--wait 5m, waitTimeoutMs)";
  const [projectPath = "", instance] = name.split(/#(?=[\w.-]+$)/);
  return `release it when that project no longer needs it (${releaseCommand(projectPath, instance, registryPath)})`;
}
