import type { AssignmentRecord, RegistryDocument } from "./document.ts";

/** What the Python tool made of a version that a commit of ours had replaced meanwhile, and the version itself. */
export type LateWrite = { readonly read: RegistryDocument; readonly theirs: RegistryDocument };

/**
 * The newest document with what the Python tool changed as well. Of two projects that were given one port, the one in
 * `unacknowledged` loses it, because the tool's caller already uses the port.
 */
export function mergeNeighbour(
  { read, theirs }: LateWrite,
  newest: RegistryDocument,
  unacknowledged: ReadonlySet<AssignmentRecord> = new Set(),
): RegistryDocument {
  const [before, after, yielding] = [portsOf(read), portsOf(theirs), portsOf({ assignments: [...unacknowledged] })];
  const isAsRead = ({ project_path: key, port }: AssignmentRecord) => before.get(key) === port;
  const given = theirs.assignments.filter((record) => !isAsRead(record));
  const givenPorts = new Set(given.map(({ port }) => port));
  const kept = newest.assignments.filter((record) => {
    const { project_path: key, port } = record;
    const isRemoved = isAsRead(record) && after.get(key) !== port;
    const isYielding = yielding.get(key) === port && givenPorts.has(port) && after.get(key) !== port;
    return !isRemoved && !isYielding;
  });
  const taken = new Set(kept.flatMap(({ project_path, port }) => [project_path, port]));
  const added = given.filter(({ project_path, port }) => !taken.has(project_path) && !taken.has(port));
  const assignments = [...kept, ...added];
  const ports = portsOf({ assignments });
  const details = new Map([...newest.details].filter(([key, { port }]) => ports.get(key) === port));
  const holders = new Map([...newest.holders].filter(([key]) => details.has(key)));
  return { ...newest, assignments, details, holders };
}

export function portsOf({ assignments }: Pick<RegistryDocument, "assignments">): ReadonlyMap<string, number> {
  return new Map(assignments.map(({ project_path, port }) => [project_path, port]));
}
