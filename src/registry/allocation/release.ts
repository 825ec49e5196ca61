import type { RegistryDocument } from "../../stores/document.ts";
import type { PortAssignment } from "../assignment.ts";
import { type Entry, entryOf, withHolders, withoutEntry, withoutGone, withoutOurs } from "../document/edit-document.ts";
import { toHolderRecord } from "../document/records.ts";
import { isForeignEntry } from "../evidence/staleness.ts";
import type { Holder } from "../holder.ts";

type Released = {
  readonly document: RegistryDocument;
  readonly assignment: PortAssignment | undefined;
  /** The live processes and jobs for whose sake the port was kept, where that was asked for. */
  readonly users: readonly Holder[];
};

/**
 * Gives the port back: from all holders, or, with a holder, when that one was the last. With `isUseRespected` nothing
 * changes while processes or jobs that are not gone hold it.
 */
export function releaseIn(
  newest: RegistryDocument,
  projectKey: string,
  { holderId, isUseRespected = false }: { holderId?: string | undefined; isUseRespected?: boolean | undefined },
  isGone: (holder: Holder) => boolean,
  now: Date,
): Released {
  const entry = entryOf(newest, projectKey);
  if (entry === undefined) return { document: newest, assignment: undefined, users: [] };
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
  if (holderId === undefined) return { document: withoutEntry(newest, entry, now), assignment: released };
  const isHolding = entry.holders.some((holder) => holder.id === holderId);
  if (!isHolding) return { document: newest, assignment: entry.assignment };
  const others = entry.holders.filter((holder) => holder.id !== holderId && !isGone(holder));
  if (others.length > 0) {
    const document = withHolders(newest, projectKey, others.map(toHolderRecord));
    return { document, assignment: entry.assignment };
  }
  // Another tool's entry is not ours to remove: it may rely on it without naming a holder.
  if (isForeignEntry(entry)) return { document: withoutOurs(newest, projectKey), assignment: entry.assignment };
  return { document: withoutEntry(newest, entry, now), assignment: released };
}

/**
 * Leaves the project's container. The last user stays, marked, until it has removed the container and releases; where
 * the container is kept, it leaves as well, and the container alone speaks for the assignment from then on.
 */
export function beginLeaveIn(
  newest: RegistryDocument,
  projectKey: string,
  holderId: string,
  isGone: (holder: Holder) => boolean,
  isContainerKept: boolean,
): { readonly document: RegistryDocument; readonly isLast: boolean } {
  const document = withoutGone(newest, isGone);
  const entry = entryOf(document, projectKey);
  if (entry === undefined) return { document, isLast: true };
  const others = entry.holders.filter((holder) => holder.id !== holderId);
  const isLast = !others.some((holder) => holder.usesContainer);
  const mine = entry.holders.find((holder) => holder.id === holderId);
  if (mine === undefined) return { document, isLast };
  const holders = isLast && !isContainerKept ? [...others, { ...mine, isLeaving: true }] : others;
  return { document: withHolders(document, projectKey, holders.map(toHolderRecord)), isLast };
}
