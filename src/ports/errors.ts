import { type ErrorText, IrisPortsError } from "../stores/errors.ts";

export {
  IrisPortsError,
  type IrisPortsErrorCode,
  PortAssignmentTimeoutError,
  RegistryAccessError,
  RegistryCorruptError,
  RegistrySchemaError,
} from "../stores/errors.ts";

import type { ListedAssignment } from "./assignment.ts";

/** A caller's argument, option or environment value is not usable. Nothing was changed. */
export class InvalidArgumentError extends IrisPortsError {
  override readonly code = "INVALID_ARGUMENT";
  /** The name of the argument, option or environment variable. */
  readonly argument: string;
  readonly value: unknown;

  constructor(text: ErrorText & { argument: string; value: unknown }) {
    super(text);
    this.argument = text.argument;
    this.value = text.value;
  }
}

/** Who stands in the way of a port: an assignment, a container of the engine, or a listener of the host. */
export type PortOccupant = {
  readonly kind: "assignment" | "container" | "listener";
  readonly port: number;
  /** The project key, the container's name, or the listening process as far as the system tells. */
  readonly name: string;
};

/** The wanted port is held by somebody else, or the project already holds another one. */
export class PortConflictError extends IrisPortsError {
  override readonly code = "PORT_CONFLICT";
  readonly port: number;
  readonly occupant: PortOccupant;

  constructor(text: ErrorText & { port: number; occupant: PortOccupant }) {
    super(text);
    this.port = text.port;
    this.occupant = text.occupant;
  }
}

/** Every port of the range is taken, also after stale entries were cleaned. */
export class PortExhaustedError extends IrisPortsError {
  override readonly code = "PORT_EXHAUSTED";
  readonly portRange: readonly [number, number];
  readonly assignments: readonly ListedAssignment[];
  /** What occupies ports of the range that no assignment explains. */
  readonly occupants: readonly PortOccupant[];
  /** Ports outside the range that are free right now. */
  readonly freeOutside: readonly number[];

  constructor(
    text: ErrorText & {
      portRange: readonly [number, number];
      assignments: readonly ListedAssignment[];
      occupants: readonly PortOccupant[];
      freeOutside: readonly number[];
    },
  ) {
    super(text);
    this.portRange = text.portRange;
    this.assignments = text.assignments;
    this.occupants = text.occupants;
    this.freeOutside = text.freeOutside;
  }
}

/** The project has no assignment. */
export class PortNotAssignedError extends IrisPortsError {
  override readonly code = "PORT_NOT_ASSIGNED";
  readonly project: string;

  constructor(text: ErrorText & { project: string }) {
    super(text);
    this.project = text.project;
  }
}

/** The container engine did not answer, or refused what was asked. */
export class ContainerEngineError extends IrisPortsError {
  override readonly code = "CONTAINER_ENGINE";
}

/** The container was created but did not become usable; `logTail` holds its last words. */
export class ContainerStartError extends IrisPortsError {
  override readonly code = "CONTAINER_START";
  readonly logTail: string | undefined;

  constructor(text: ErrorText & { logTail?: string | undefined }) {
    super(text);
    this.logTail = text.logTail;
  }
}

/** The project's running container was started with another image, other credentials or another configuration. */
export class ContainerMismatchError extends IrisPortsError {
  override readonly code = "CONTAINER_MISMATCH";
  readonly containerName: string;

  constructor(text: ErrorText & { containerName: string }) {
    super(text);
    this.containerName = text.containerName;
  }
}
