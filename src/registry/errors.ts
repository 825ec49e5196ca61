import { IrisPortsError } from "../errors/base.ts";
import type { ListedAssignment } from "./assignment.ts";

export { IrisPortsError, type IrisPortsErrorCode } from "../errors/base.ts";
export * from "../errors/errors.ts";

/** What occupies a port: an assignment, a project that waited for the port, a container of the engine, or a listener on the host. */
export type PortOccupant = {
  /** What kind of thing it is. */
  readonly kind: "assignment" | "waiter" | "container" | "listener";
  /** The host port. */
  readonly port: number;
  /** The project key, the container's name, or the listening process if the system tells it. */
  readonly name: string;
};

/** The requested port is in use, or the project already holds another one. */
export class PortConflictError extends IrisPortsError<{ readonly port: number; readonly occupant: PortOccupant }> {
  override readonly code = "PORT_CONFLICT";
  /** The port that was asked for. */
  declare readonly port: number;
  /** What has the port, or the assignment that the project has already. */
  declare readonly occupant: PortOccupant;
}

/** What a {@link PortExhaustedError} lists. */
type ExhaustedRange = {
  readonly portRange: readonly [number, number];
  readonly assignments: readonly ListedAssignment[];
  readonly occupants: readonly PortOccupant[];
  readonly freeOutside: readonly number[];
  readonly waitedMs: number;
};

/** Every port of the range is in use, also after stale assignments were removed. */
export class PortExhaustedError extends IrisPortsError<ExhaustedRange> {
  override readonly code = "PORT_EXHAUSTED";
  /** First and last port of the range. */
  declare readonly portRange: readonly [number, number];
  /** The assignments of ports in the range. */
  declare readonly assignments: readonly ListedAssignment[];
  /** What occupies ports of the range that no assignment explains. */
  declare readonly occupants: readonly PortOccupant[];
  /** Ports outside the range that are free right now. */
  declare readonly freeOutside: readonly number[];
  /** How long the caller has queued, in milliseconds; 0 without `waitTimeoutMs`. */
  declare readonly waitedMs: number;
}

/** The project has no assignment. */
export class PortNotAssignedError extends IrisPortsError<{ readonly project: string }> {
  override readonly code = "PORT_NOT_ASSIGNED";
  /** The project key. */
  declare readonly project: string;
}
