import type { RegistryDocument } from "../../stores/document.ts";
import type { PortAssignment } from "../assignment.ts";
import type { PortOccupant } from "../errors.ts";
import type { Holder } from "../holder.ts";
import type { PortView } from "./occupancy.ts";

/** Selects an assignment of a project. */
export type ProjectOptions = {
  /** The name of a second IRIS in the same project. */
  readonly instance?: string | undefined;
};

/** How to assign a port. */
export type AssignOptions = ProjectOptions & {
  /**
   * Demands exactly this port from 1 to 65535, even outside the range. Despite the option's name there is no fallback: if the
   * port is taken, a PortConflictError is thrown.
   */
  readonly preferredPort?: number | undefined;
  /** The holder of the port. @default this process */
  readonly holder?: Holder | undefined;
  /** Also assigns the web port, 52773 + (port - 1972). */
  readonly hasWebPort?: boolean | undefined;
  /** How long to queue while all ports are taken, in milliseconds. @default 0 */
  readonly waitTimeoutMs?: number | undefined;
  /** Called once before a port is chosen, if a cleaning would find something. @default nothing is cleaned then */
  readonly cleanFirst?: (() => Promise<unknown>) | undefined;
  /** Called while waiting, with the place in the queue, from 1. */
  readonly onWait?: ((state: { readonly position: number; readonly waitedMs: number }) => void) | undefined;
};

/** A request for a port, checked. */
export type AssignRequest = {
  readonly projectPath: string;
  readonly instance: string | undefined;
  readonly projectKey: string;
  readonly holder: Holder;
  /** True if this process renews the holder in a registry that several hosts share. */
  readonly isRenewed: boolean;
  readonly preferredPort: number | undefined;
  readonly hasWebPort: boolean;
  readonly portRange: readonly [number, number];
  /** Ports that the engine refused: they only appear to be free. */
  readonly refusedPorts: readonly number[];
  /** Identifies the place in the queue. */
  readonly waiterId: string;
  /** The ids of earlier waiters that do not take the port reserved for them. */
  readonly passedOver?: ReadonlySet<string>;
};

/** The ports that the request accepts. */
export function wantedRange({ preferredPort, portRange }: AssignRequest): readonly [number, number] {
  return preferredPort === undefined ? portRange : [preferredPort, preferredPort];
}

/** An assigned port. */
export type Grant = {
  /** The assignment. */
  readonly assignment: PortAssignment;
  /** Names this uninterrupted use of the project's container; a container of another generation is a leftover. */
  readonly generation: string;
  /** The ids of the other holders that use the project's container and are not known to be gone. */
  readonly otherUsers: ReadonlySet<string>;
  /** True while one of them may be restarting the container. */
  readonly isBeingRestarted: boolean;
  /** The holders that had the assignment before this one; none of them is known to be gone. */
  readonly earlierHolders: readonly Holder[];
};

/** An assignment with what a container module needs in addition. */
export type Acquisition = Grant & {
  /** The holder for which the port was assigned. */
  readonly holder: Holder;
};

/**
 * The outcome of a request. All but `assigned` leave the document unchanged, except that dead holders are dropped and new
 * entries of other tools noted.
 */
export type AssignOutcome =
  | ({ readonly kind: "assigned" } & Grant)
  /** The decision needs the engine's containers, but the engine was not asked. */
  | { readonly kind: "engine-needed" }
  /** The last user of the project's container is removing it. */
  | { readonly kind: "leaving"; readonly assignment: PortAssignment }
  | {
      readonly kind: "conflict";
      readonly port: number;
      readonly occupant: PortOccupant;
      readonly reservedFor?: readonly string[];
      /** The Python tool assigned this port to the project, so the project does not go to another. */
      readonly isForeign?: boolean;
    }
  /** The project holds another port than the preferred one. */
  | {
      readonly kind: "other-port";
      readonly assignment: PortAssignment;
      readonly isForeign: boolean;
      /** True if holders use the project's container, which a release would leave behind. */
      readonly isContainerUsed: boolean;
    }
  /** A container that this registry made for the project is on another port than the preferred one. */
  | { readonly kind: "other-container"; readonly container: PortOccupant }
  /** Another project and instance have the same key. */
  | { readonly kind: "ambiguous"; readonly assignment: PortAssignment }
  /** With the occupants other than assignments, and the waiters for whom free ports are reserved. */
  | {
      readonly kind: "exhausted";
      readonly occupants: readonly PortOccupant[];
      readonly reservedFor: readonly string[];
    }
  /** The store's server may have lost acknowledged changes; until then, holders assert their ports. */
  | { readonly kind: "grace"; readonly until: Date };

/** A request, and everything that can occupy its ports. */
export type AssignView = PortView & { readonly request: AssignRequest };

/** The outcome, and the document after the decision. */
export type Assigned = { readonly document: RegistryDocument; readonly outcome: AssignOutcome };
