import type { RegistryDocument } from "../../stores/document.ts";
import type { PortAssignment } from "../assignment.ts";
import type { PortOccupant } from "../errors.ts";
import type { Holder } from "../holder.ts";
import type { PortView } from "./occupancy.ts";

/** A request for a port. */
export type AssignRequest = {
  readonly projectPath: string;
  readonly instance: string | undefined;
  readonly projectKey: string;
  readonly holder: Holder;
  /** This process renews the holder, where the registry is shared with other hosts. */
  readonly isRenewed: boolean;
  readonly preferredPort: number | undefined;
  readonly hasWebPort: boolean;
  readonly portRange: readonly [number, number];
  /** Ports that the engine refused: they appear free from here, but are not. */
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
  /** The holders that had the assignment before this one; none of them is known to be gone. */
  readonly earlierHolders: readonly Holder[];
};

/** The outcome of a request. All but `assigned` leave the document unchanged, except that dead holders are dropped and new entries of other tools noted. */
export type AssignOutcome =
  | ({ readonly kind: "assigned" } & Grant)
  /** The engine was not asked, but must be. */
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
  | { readonly kind: "other-port"; readonly assignment: PortAssignment; readonly isForeign: boolean }
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

/** A request with everything that can occupy its ports. */
export type AssignView = PortView & { readonly request: AssignRequest };

/** The outcome with the document it leaves. */
export type Assigned = { readonly document: RegistryDocument; readonly outcome: AssignOutcome };
