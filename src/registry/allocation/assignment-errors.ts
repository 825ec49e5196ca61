import { ContainerEngineError, InvalidArgumentError } from "../../errors/errors.ts";
import type { PortAssignment } from "../assignment.ts";
import { PortConflictError, type PortOccupant } from "../errors.ts";
import { listenerName } from "../host/listening-ports.ts";

/** The port a caller asked for is somebody else's. */
export function conflictError(port: number, found: PortOccupant): PortConflictError {
  const occupant = nameListener(found);
  return new PortConflictError({
    what: `Port ${port} is taken by ${describeOccupant(occupant)}.`,
    state: "Nothing was assigned.",
    remedy: `${REMEDIES[occupant.kind](occupant.name)}, or ask for another port, or leave the choice to the registry.`,
    port,
    occupant,
  });
}

/** A project asks by number for a port while it holds another. */
export function otherPortError(assignment: PortAssignment, preferredPort: number): PortConflictError {
  return new PortConflictError({
    what: `Port ${preferredPort} was asked for, but the project already holds port ${assignment.port}.`,
    state: `Project ${assignment.projectKey} keeps port ${assignment.port}.`,
    remedy: `use port ${assignment.port}, give it back first (${releaseCommand(assignment.projectPath, assignment.instance)}), or give this one an instance name of its own.`,
    port: preferredPort,
    occupant: { kind: "assignment", port: assignment.port, name: assignment.projectKey },
  });
}

/** A path that ends like an instance, and the project with that instance, cannot both be told apart in the document. */
export function ambiguousError(assignment: PortAssignment): InvalidArgumentError {
  return new InvalidArgumentError({
    what: `${JSON.stringify(assignment.projectKey)} already names another project and instance.`,
    state: `It is project ${assignment.projectPath}${assignment.instance ? `, instance ${assignment.instance}` : ""}.`,
    remedy: "choose another instance name.",
    argument: "instance",
    value: assignment.projectKey,
  });
}

/** The last user of the project's container does not come to an end with removing it. */
export function leavingError(assignment: PortAssignment, waitedMs: number): ContainerEngineError {
  return new ContainerEngineError({
    what: `The project's container ${assignment.containerName} is being removed, for over ${Math.round(waitedMs / 1000)} s now.`,
    state: `Project ${assignment.projectKey} holds port ${assignment.port}.`,
    remedy: `look at it (docker ps --all --filter name=${assignment.containerName}) and remove it: docker rm --force ${assignment.containerName}`,
  });
}

export function describeOccupant(occupant: PortOccupant): string {
  if (occupant.kind === "assignment") return `project ${occupant.name}`;
  return occupant.kind === "container" ? `container ${occupant.name}` : occupant.name;
}

/** Finds out who listens, where nobody has yet: too slow for the time under the lock. */
export function nameListener(occupant: PortOccupant): PortOccupant {
  return occupant.kind === "listener" && occupant.name === ""
    ? { ...occupant, name: listenerName(occupant.port) }
    : occupant;
}

/** The command that gives a project's port back. */
export function releaseCommand(projectPath: string, instance: string | undefined): string {
  const option = instance === undefined ? "" : ` --instance ${instance}`;
  return `iris-ports release '${projectPath.replaceAll("'", "'\\''")}'${option}`;
}

const REMEDIES: Readonly<Record<PortOccupant["kind"], (name: string) => string>> = {
  assignment: () => "have that project give it back (iris-ports list shows its holders, iris-ports release its port)",
  container: (name) => `stop that container (docker rm --force ${name})`,
  listener: () => "stop that process",
};
