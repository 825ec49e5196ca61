import type { AssignmentRecord, DetailRecord, HolderRecord } from "./document.ts";

/**
 * The entries that another tool removed while processes or jobs of ours relied on them: they are put back, unless their port has
 * been given to another project since. The Python tool removes what it cannot match with a container of its own.
 */
export function restoreDropped(
  entries: ReadonlyMap<string, AssignmentRecord>,
  details: ReadonlyMap<string, DetailRecord>,
  holders: ReadonlyMap<string, readonly HolderRecord[]>,
): ReadonlyMap<string, AssignmentRecord> {
  const taken = new Set([...entries.values()].map(({ port }) => port));
  const restored = new Map<string, AssignmentRecord>();
  for (const [key, { port, manual, foreign }] of details) {
    // A person may have given it back with that tool; a process or a job has not.
    const first = holders.get(key)?.find(({ kind }) => kind !== "manual");
    if (first === undefined || foreign || entries.has(key) || taken.has(port)) continue;
    taken.add(port);
    restored.set(key, {
      project_path: key,
      port,
      assigned_at: first.since,
      assignment_type: manual ? "manual" : "auto",
      status: "active",
      container_name: null,
    });
  }
  return restored;
}

/** The details that still speak of their entry: not those of one that another tool has given up, or moved, since. */
export function reconcileDetails(
  entries: ReadonlyMap<string, AssignmentRecord>,
  details: ReadonlyMap<string, DetailRecord>,
): ReadonlyMap<string, DetailRecord> {
  const taken = new Set([...entries.values()].map(({ port }) => port));
  const reconciled = new Map<string, DetailRecord>();
  for (const [key, detail] of details) {
    const entry = entries.get(key);
    if (entry?.port !== detail.port) continue;
    const { web_port: webPort, ...rest } = detail;
    const isWebPortOurs = webPort !== undefined && !taken.has(webPort);
    if (isWebPortOurs) taken.add(webPort);
    const kept = webPort === undefined || isWebPortOurs ? detail : rest;
    // Only another tool writes a time without an offset: it has made the entry anew, and may rely on it.
    const isRemade = !detail.foreign && !/(Z|[+-]\d\d:\d\d)$/.test(entry.assigned_at);
    reconciled.set(key, isRemade ? { ...kept, foreign: true } : kept);
  }
  return reconciled;
}
