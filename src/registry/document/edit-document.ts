import type {
  DetailRecord,
  HistoryRecord,
  HolderRecord,
  RegistryDocument,
  WaiterRecord,
} from "../../stores/document.ts";
import type { PortAssignment } from "../assignment.ts";
import type { Holder } from "../holder.ts";
import { timeText, toAssignment, toHolder, toHolderRecord, toRecord } from "./records.ts";

/** How many released ports are remembered; the longest released are forgotten first. */
const HISTORY_LIMIT = 256;

/** An entry of the document in the domain's terms. */
export type Entry = {
  readonly assignment: PortAssignment;
  readonly detail: DetailRecord | undefined;
  readonly holders: readonly Holder[];
};

export function entryOf(document: RegistryDocument, projectKey: string): Entry | undefined {
  const record = document.assignments.find((candidate) => candidate.project_path === projectKey);
  if (record === undefined) return undefined;
  const detail = document.details.get(projectKey);
  const holders = (document.holders.get(projectKey) ?? []).map(toHolder);
  return { assignment: toAssignment(record, detail), detail, holders };
}

export function entriesOf(document: RegistryDocument): Entry[] {
  return document.assignments.map((record) => {
    const detail = document.details.get(record.project_path);
    const holders = (document.holders.get(record.project_path) ?? []).map(toHolder);
    return { assignment: toAssignment(record, detail), detail, holders };
  });
}

/** Adds the entry or puts it in the place of the project's former one; its port is no longer remembered as released. */
export function withEntry(document: RegistryDocument, entry: Entry & { detail: DetailRecord }): RegistryDocument {
  const { assignment, detail, holders } = entry;
  const key = assignment.projectKey;
  const before = document.assignments.find((record) => record.project_path === key);
  // The Python tool finds its own entry exactly as it wrote it.
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

/** Changes only who holds it. */
export function withHolders(
  document: RegistryDocument,
  projectKey: string,
  holders: readonly HolderRecord[],
): RegistryDocument {
  return { ...document, holders: new Map(document.holders).set(projectKey, holders) };
}

/** Removes the entry and remembers its port for the project. */
export function withoutEntry(document: RegistryDocument, entry: Entry, now: Date): RegistryDocument {
  const key = entry.assignment.projectKey;
  const past: HistoryRecord = { project: key, port: entry.assignment.port, released_at: timeText(now) };
  const history = [...document.history.filter((candidate) => candidate.project !== key), past];
  return {
    ...withoutOurs(document, key),
    assignments: document.assignments.filter((record) => record.project_path !== key),
    history: history.slice(-HISTORY_LIMIT),
  };
}

/** Forgets what is ours about an entry, which stays as the other tool made it. */
export function withoutOurs(document: RegistryDocument, projectKey: string): RegistryDocument {
  const details = new Map(document.details);
  const holders = new Map(document.holders);
  details.delete(projectKey);
  holders.delete(projectKey);
  return { ...document, details, holders };
}

/** Drops the holders and waiters that are provably gone; the same document when there are none. */
export function withoutGone(document: RegistryDocument, isGone: (holder: Holder) => boolean): RegistryDocument {
  const isKept = (record: HolderRecord) => !isGone(toHolder(record));
  const changed = [...document.holders].filter(([, holders]) => !holders.every(isKept));
  const waiters = document.waiters.filter((waiter) => isKept(waiter.holder));
  if (changed.length === 0 && waiters.length === document.waiters.length) return document;
  const holders = new Map(document.holders);
  for (const [key, records] of changed) holders.set(key, records.filter(isKept));
  return { ...document, holders, waiters };
}

/** Queues somebody, unless they stand there already. */
export function withWaiter(document: RegistryDocument, waiter: WaiterRecord): RegistryDocument {
  if (document.waiters.some((candidate) => candidate.id === waiter.id)) return document;
  return { ...document, waiters: [...document.waiters, waiter] };
}

export function withoutWaiter(document: RegistryDocument, id: string): RegistryDocument {
  if (!document.waiters.some((candidate) => candidate.id === id)) return document;
  return { ...document, waiters: document.waiters.filter((candidate) => candidate.id !== id) };
}

/** A document without assignments, holders, waiters and memories; what others keep in it stays. */
export function emptied(document: RegistryDocument): RegistryDocument {
  return { ...document, assignments: [], holders: new Map(), details: new Map(), history: [], waiters: [] };
}
