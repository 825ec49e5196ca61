import type { RegistryDocument } from "../../stores/document.ts";
import type { PortAssignment } from "../assignment.ts";
import {
  containerUsersOf,
  type Entry,
  entryOf,
  pastUsersOf,
  withHolders,
  withoutEntry,
  withoutGone,
  withoutOurs,
  withoutPastUser,
} from "../document/edit-document.ts";
import { toHolderRecord } from "../document/records.ts";
import { isForeignEntry } from "../evidence/staleness.ts";
import type { Holder } from "../holder.ts";

type Released = {
  readonly document: RegistryDocument;
  readonly assignment: PortAssignment | undefined;
  /** The live processes and jobs because of which the port was not released, with `isUseRespected`. */
  readonly users: readonly Holder[];
};

/**
 * Releases the port: for all holders or, with a holder, if it was the last one. With `isUseRespected` nothing changes while
 * live processes or jobs hold the port.
 */
export function releaseIn(
  newest: RegistryDocument,
  projectKey: string,
  { holderId, isUseRespected = false }: { holderId?: string | undefined; isUseRespected?: boolean | undefined },
  isGone: (holder: Holder) => boolean,
  now: Date,
): Released {
  const entry = entryOf(newest, projectKey);
  if (entry === undefined) {
    const document = holderId === undefined ? newest : withoutPastUser(newest, projectKey, holderId);
    return { document, assignment: undefined, users: [] };
  }
  const users = entry.holders.filter((holder) => holder.kind !== "manual" && !isGone(holder));
  if (isUseRespected && users.length > 0) return { document: newest, assignment: entry.assignment, users };
  return { ...releaseEntry(newest, entry, holderId, isGone, now), users: [] };
}

function releaseEntry(
  newest: RegistryDocument,
  entry: Entry,
  holderId: string | undefined,
  isGone: (holder: Holder) => boolean,
  now: Date,
): Omit<Released, "users"> {
  const { projectKey } = entry.assignment;
  const released = { ...entry.assignment, status: "released" as const };
  if (holderId === undefined) {
    const users = containerUsersOf(entry.holders).filter((holder) => !isGone(holder));
    return { document: withoutEntry(newest, entry, now, users), assignment: released };
  }
  const isHolding = entry.holders.some((holder) => holder.id === holderId);
  if (!isHolding) return { document: newest, assignment: entry.assignment };
  const others = entry.holders.filter((holder) => holder.id !== holderId && !isGone(holder));
  if (others.length > 0) {
    const document = withHolders(newest, projectKey, others.map(toHolderRecord));
    return { document, assignment: entry.assignment };
  }
  // An entry of another tool is not removed here: that tool names no holders, and may still rely on it.
  if (isForeignEntry(entry)) return { document: withoutOurs(newest, projectKey), assignment: entry.assignment };
  return { document: withoutEntry(newest, entry, now), assignment: released };
}

/** How a holder leaves the project's container. */
export type Leave = {
  /** True if no other user is known. */
  readonly isLast: boolean;
  /** Set if the registry did not know of this use, so that it may not know of other uses either. */
  readonly isUnrecorded?: true;
};

/**
 * Leaves the project's container. The last user, or the remover in its place, stays, marked as leaving, until it has removed
 * the container and releases the port. If the container is kept, the last user leaves as well, and the container alone keeps
 * the assignment.
 */
export function beginLeaveIn(
  newest: RegistryDocument,
  projectKey: string,
  { holderId, remover, isContainerKept }: { holderId: string; remover: Holder | undefined; isContainerKept: boolean },
  isGone: (holder: Holder) => boolean,
): { readonly document: RegistryDocument } & Leave {
  // A job that leaves after its runner has died has a process that is gone, and still has to release what it holds.
  const document = withoutGone(newest, (holder) => holder.id !== holderId && isGone(holder));
  const entry = entryOf(document, projectKey);
  if (entry === undefined) return leavePast(document, projectKey, holderId);
  const others = entry.holders.filter((holder) => holder.id !== holderId);
  const isLast = !others.some((holder) => holder.usesContainer && !holder.isLeaving);
  const mine = entry.holders.find((holder) => holder.id === holderId);
  const leaver = isLast && !isContainerKept ? (remover ?? mine) : undefined;
  const holders = leaver === undefined ? others : [...others, { ...leaver, isLeaving: true }];
  const left = withHolders(document, projectKey, holders.map(toHolderRecord));
  if (mine === undefined) return { document: leaver === undefined ? document : left, isLast, isUnrecorded: true };
  return { document: left, isLast };
}

/** The port was released or cleared while the container was in use. */
function leavePast(document: RegistryDocument, projectKey: string, holderId: string) {
  const users = pastUsersOf(document, projectKey)?.users ?? [];
  const isLast = users.every(({ id }) => id === holderId);
  const isRecorded = users.some(({ id }) => id === holderId);
  const left = withoutPastUser(document, projectKey, holderId);
  return { document: left, isLast, ...(isRecorded ? {} : { isUnrecorded: true as const }) };
}
