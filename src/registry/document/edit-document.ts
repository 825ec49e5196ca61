import type {
  AssignmentRecord,
  DetailRecord,
  HistoryRecord,
  HolderRecord,
  RegistryDocument,
  WaiterRecord,
} from "../../stores/document.ts";
import { timeText } from "../../stores/time-text.ts";
import type { PortAssignment } from "../assignment.ts";
import type { Holder } from "../holder.ts";
import { toAssignment, toHolder, toHolderRecord, toRecord } from "./records.ts";

/** How many released ports are remembered; the oldest are forgotten first, but none whose container is still used. */
const HISTORY_LIMIT = 256;

/** An entry of the document in the domain's terms. */
export type Entry = {
  readonly assignment: PortAssignment;
  readonly detail: DetailRecord | undefined;
  readonly holders: readonly Holder[];
  /** Of an entry of another tool: its time as that tool wrote it, and since when this registry has known it. */
  readonly foreign?: { readonly assignedAt: string; readonly seenAt: Date | undefined };
};

export function entryOf(document: RegistryDocument, projectKey: string): Entry | undefined {
  const record = document.assignments.find((candidate) => candidate.project_path === projectKey);
  if (record === undefined) return undefined;
  return toEntry(document, record);
}

export function entriesOf(document: RegistryDocument): Entry[] {
  return document.assignments.map((record) => toEntry(document, record));
}

function toEntry(document: RegistryDocument, record: AssignmentRecord): Entry {
  const { project_path: key, assigned_at: assignedAt } = record;
  const detail = document.details.get(key);
  const holders = (document.holders.get(key) ?? []).map(toHolder);
  const note = document.seen.get(key);
  const entry = { assignment: toAssignment(record, detail), detail, holders };
  if (detail !== undefined && !detail.foreign) return entry;
  return { ...entry, foreign: { assignedAt, seenAt: note && new Date(note.at) } };
}

/** Adds or replaces the project's entry; its port is no longer remembered as released. */
export function withEntry(document: RegistryDocument, entry: Entry & { detail: DetailRecord }): RegistryDocument {
  const { assignment, detail, holders } = entry;
  const key = assignment.projectKey;
  const before = document.assignments.find((record) => record.project_path === key);
  // An entry of the Python tool stays exactly as that tool wrote it.
  const record = detail.foreign && before?.port === assignment.port ? before : toRecord(assignment);
  return {
    ...document,
    assignments:
      before === undefined
        ? [...document.assignments, record]
        : document.assignments.map((candidate) => (candidate === before ? record : candidate)),
    details: new Map(document.details).set(
      key,
      assignment.assignmentType === "manual" ? { ...detail, manual: true } : detail,
    ),
    holders: new Map(document.holders).set(key, holders.map(toHolderRecord)),
    history: document.history.filter((past) => past.project !== key),
  };
}

/** Replaces the holders of an entry. */
export function withHolders(
  document: RegistryDocument,
  projectKey: string,
  holders: readonly HolderRecord[],
): RegistryDocument {
  return { ...document, holders: new Map(document.holders).set(projectKey, holders) };
}

/** Removes the entry, and remembers its port for the project and the users of its container. */
export function withoutEntry(
  document: RegistryDocument,
  entry: Entry,
  now: Date,
  users: readonly Holder[] = [],
): RegistryDocument {
  return withoutAll(document, [pastOf(entry, now, users)]);
}

/** Removes entries without users, and remembers their ports. */
export function withoutEntries(document: RegistryDocument, entries: readonly Entry[], now: Date): RegistryDocument {
  if (entries.length === 0) return document;
  return withoutAll(
    document,
    entries.map((entry) => pastOf(entry, now, [])),
  );
}

function withoutAll(document: RegistryDocument, past: readonly HistoryRecord[]): RegistryDocument {
  const removed = new Set(past.map(({ project }) => project));
  const history = [...document.history.filter(({ project }) => !removed.has(project)), ...past];
  const keep = <T>(map: ReadonlyMap<string, T>) => new Map([...map].filter(([key]) => !removed.has(key)));
  return {
    ...document,
    assignments: document.assignments.filter((record) => !removed.has(record.project_path)),
    details: keep(document.details),
    holders: keep(document.holders),
    seen: keep(document.seen),
    history: history.filter(({ users }, index) => users !== undefined || index >= history.length - HISTORY_LIMIT),
  };
}

function pastOf({ assignment, detail }: Entry, now: Date, users: readonly Holder[]): HistoryRecord {
  const { projectKey: project, port, instance } = assignment;
  const past = { project, port, released_at: timeText(now) };
  if (users.length === 0 || detail === undefined) return past;
  const { generation } = detail;
  return { ...past, users: users.map(toHolderRecord), generation, ...(instance !== undefined && { instance }) };
}

/** The users of the container of a project whose port was released or cleared. */
export function pastUsersOf(document: RegistryDocument, projectKey: string): HistoryRecord | undefined {
  return document.history.find(({ project, users }) => project === projectKey && users !== undefined);
}

/** One of {@link pastUsersOf} has left as well. */
export function withoutPastUser(document: RegistryDocument, projectKey: string, holderId: string): RegistryDocument {
  const leave = (record: HolderRecord) => record.id !== holderId;
  const history = document.history.map((past) => (past.project === projectKey ? withUsers(past, leave) : past));
  return history.every((past, index) => past === document.history[index]) ? document : { ...document, history };
}

function withUsers(past: HistoryRecord, isKept: (record: HolderRecord) => boolean): HistoryRecord {
  if (past.users === undefined || past.users.every(isKept)) return past;
  const users = past.users.filter(isKept);
  const { users: _, generation, instance, ...bare } = past;
  return users.length === 0 ? bare : { ...past, users };
}

/** Removes our data about an entry, which stays as the other tool made it. */
export function withoutOurs(document: RegistryDocument, projectKey: string): RegistryDocument {
  const details = new Map(document.details);
  const holders = new Map(document.holders);
  details.delete(projectKey);
  holders.delete(projectKey);
  return { ...document, details, holders };
}

/** Drops holders and waiters that are provably gone; returns the same document if there are none. */
export function withoutGone(document: RegistryDocument, isGone: (holder: Holder) => boolean): RegistryDocument {
  const isKept = (record: HolderRecord) => !isGone(toHolder(record));
  const changed = [...document.holders].filter(([, holders]) => !holders.every(isKept));
  const waiters = document.waiters.filter((waiter) => isKept(waiter.holder));
  const history = document.history.map((past) => withUsers(past, isKept));
  const isPastChanged = history.some((past, index) => past !== document.history[index]);
  if (changed.length === 0 && waiters.length === document.waiters.length && !isPastChanged) return document;
  const holders = new Map(document.holders);
  for (const [key, records] of changed) holders.set(key, records.filter(isKept));
  return { ...document, holders, waiters, history: isPastChanged ? history : document.history };
}

/** Adds a waiter to the queue, unless it is there already; one whose time is over, as by a clock that was set, keeps its place. */
export function withWaiter(document: RegistryDocument, waiter: WaiterRecord, now: Date): RegistryDocument {
  const known = document.waiters.find(({ id }) => id === waiter.id);
  if (known === undefined) return { ...document, waiters: [...document.waiters, waiter] };
  if (!isOver(known, now)) return document;
  return { ...document, waiters: document.waiters.map((other) => (other === known ? waiter : other)) };
}

/** True after the longest time that it was going to wait, even if its process lives. */
export function isOver({ holder }: WaiterRecord, now: Date): boolean {
  return holder.expires_at !== undefined && Date.parse(holder.expires_at) <= now.getTime();
}

export function withoutWaiter(document: RegistryDocument, id: string): RegistryDocument {
  if (!document.waiters.some((candidate) => candidate.id === id)) return document;
  return { ...document, waiters: document.waiters.filter((candidate) => candidate.id !== id) };
}

/**
 * A document without assignments, holders, waiters and former ports. Data of other tools stays, and so do the users of
 * containers, so that none of them takes itself for the only one.
 */
export function emptied(document: RegistryDocument, now: Date): RegistryDocument {
  const history = [
    ...document.history,
    ...entriesOf(document).map((entry) => pastOf(entry, now, containerUsersOf(entry.holders))),
  ].filter(({ users }) => users !== undefined);
  return {
    ...document,
    assignments: [],
    holders: new Map(),
    details: new Map(),
    history,
    waiters: [],
    seen: new Map(),
  };
}

/** The holders that rely on the project's container, not just on its port. */
export function containerUsersOf(holders: readonly Holder[]): readonly Holder[] {
  return holders.filter(({ usesContainer }) => usesContainer);
}
