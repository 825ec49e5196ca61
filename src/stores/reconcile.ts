import type { AssignmentRecord, DetailRecord, HolderRecord, SeenRecord } from "./document.ts";
import { hasOffset, timeText } from "./time-text.ts";

/**
 * The Python tool gives a project another port when its port is in use, as it is while the project's own IRIS runs.
 * Holders of ours keep the former port: in memory, the project's key has our record, and the key with this suffix has
 * the tool's. In the file, the project's key has the tool's record, and the key with {@link HELD} has ours, so that the
 * tool skips our port.
 */
const MOVED = "#(moved by iris-devtester)";
const HELD = "#(held by iris-ports)";

/** True for a key that no project may have, because the next reader would drop its record. */
export function isReservedKey(key: string): boolean {
  return key.endsWith(HELD);
}

/** The file's records by key, without those that only keep a port from the Python tool. */
export function withoutPlaceholders(records: readonly AssignmentRecord[]): readonly AssignmentRecord[] {
  return records.filter(({ project_path: key }) => !isReservedKey(key));
}

/** The records as the file has them, in an order that stays the same when they are read and written again. */
export function recordsInFile(assignments: readonly AssignmentRecord[]): readonly AssignmentRecord[] {
  if (!assignments.some(({ project_path: key }) => key.endsWith(MOVED))) return assignments;
  const records = new Map(assignments.map((record) => [record.project_path, record]));
  return assignments.map((record) => {
    const { project_path: key } = record;
    const theirs = records.get(key + MOVED);
    if (!key.endsWith(MOVED)) return theirs === undefined ? record : { ...theirs, project_path: key };
    const project = key.slice(0, -MOVED.length);
    const ours = records.get(project);
    return ours === undefined ? { ...record, project_path: project } : { ...ours, project_path: project + HELD };
  });
}

/** The assignments in memory, and the keys of the restored records. */
type Restored = { readonly assignments: readonly AssignmentRecord[]; readonly keys: ReadonlySet<string> };

/**
 * Restores entries that the Python tool removed or moved while holders of ours relied on them, unless their port has been
 * assigned to another project since: a port with a live holder stays reserved for it.
 */
export function restoreHeld(
  file: readonly AssignmentRecord[],
  details: ReadonlyMap<string, DetailRecord>,
  holders: ReadonlyMap<string, readonly HolderRecord[]>,
): Restored {
  const placeholders = new Set(file.map(({ project_path: key }) => key).filter(isReservedKey));
  const assignments = new Map(withoutPlaceholders(file).map((record) => [record.project_path, record]));
  const taken = new Set([...assignments.values()].map(({ port }) => port));
  const keys = new Set<string>();
  for (const [key, { port, manual }] of details) {
    const entry = assignments.get(key);
    // The Python tool may have released a manual hold, but no process or job.
    const isAny = entry !== undefined || placeholders.has(key + HELD);
    const first = holders.get(key)?.find(({ kind }) => isAny || kind !== "manual");
    if (first === undefined || entry?.port === port || taken.has(port)) continue;
    taken.add(port);
    keys.add(key);
    if (entry !== undefined) assignments.set(key + MOVED, { ...entry, project_path: key + MOVED });
    assignments.set(key, {
      project_path: key,
      port,
      assigned_at: timeText(new Date(first.since)),
      assignment_type: manual ? "manual" : "auto",
      status: "active",
      container_name: null,
    });
  }
  return { assignments: [...assignments.values()], keys };
}

/** The details that still belong to their entry, without those of entries that another tool has released or moved. */
export function reconcileDetails(
  { assignments, keys: restored }: Restored,
  details: ReadonlyMap<string, DetailRecord>,
): ReadonlyMap<string, DetailRecord> {
  const entries = new Map(assignments.map((record) => [record.project_path, record]));
  const taken = new Set([...entries.values()].map(({ port }) => port));
  const reconciled = new Map<string, DetailRecord>();
  for (const [key, detail] of details) {
    const entry = entries.get(key);
    if (entry?.port !== detail.port) continue;
    const { web_port: webPort, ...rest } = detail;
    const isWebPortOurs = webPort !== undefined && !taken.has(webPort);
    if (isWebPortOurs) taken.add(webPort);
    const { foreign: _, ...own } = webPort === undefined || isWebPortOurs ? detail : rest;
    // Only another tool writes a time without an offset: it has made a new entry, and may rely on it.
    const isTheirs = detail.foreign || !hasOffset(entry.assigned_at);
    // A restored entry is ours alone, because the tool has released it.
    reconciled.set(key, isTheirs && !restored.has(key) ? { ...own, foreign: true } : own);
  }
  return reconciled;
}

/** The records of when entries were first seen, for entries that another tool has not removed or replaced since. */
export function reconcileSeen(
  assignments: readonly AssignmentRecord[],
  seen: ReadonlyMap<string, SeenRecord>,
): ReadonlyMap<string, SeenRecord> {
  const kept = assignments.flatMap(({ project_path: key, port, assigned_at }) => {
    const note = seen.get(key);
    return note?.port === port && note.assigned_at === assigned_at ? [[key, note] as const] : [];
  });
  return kept.length === seen.size ? seen : new Map(kept);
}
