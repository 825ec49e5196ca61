import type { RegistryDocument } from "./document.ts";

/**
 * A document that took the place of our last version, such as a backup that was restored or a new one after a deletion,
 * with what processes and jobs held in that version: their ports stay reserved for them. An entry that only another tool
 * knows keeps its port, because that tool gave it out since.
 */
export function adoptDocument(found: RegistryDocument, last: RegistryDocument): RegistryDocument {
  const foreign = found.assignments.filter(({ project_path: key }) => !found.details.has(key));
  const foreignPorts = new Set(foreign.map(({ port }) => port));
  const held = last.assignments.filter(({ project_path: key, port }) => {
    const isHeld = last.holders.get(key)?.some(({ kind }) => kind !== "manual");
    return isHeld && last.details.has(key) && !foreignPorts.has(port);
  });
  const keys = new Set(held.map(({ project_path: key }) => key));
  const ports = new Set(held.flatMap(({ project_path: key, port }) => [port, last.details.get(key)?.web_port]));
  const kept = found.assignments.filter(({ project_path: key, port }) => {
    return !keys.has(key) && !ports.has(port) && !ports.has(found.details.get(key)?.web_port ?? 0);
  });
  const keptKeys = new Set(kept.map(({ project_path: key }) => key));
  const merged = <T>(theirs: ReadonlyMap<string, T>, ours: ReadonlyMap<string, T>) =>
    new Map([...[...theirs].filter(([key]) => keptKeys.has(key)), ...[...ours].filter(([key]) => keys.has(key))]);
  return {
    ...found,
    assignments: [...kept, ...held],
    details: merged(found.details, last.details),
    holders: merged(found.holders, last.holders),
    history: found.history.filter(({ project }) => !keys.has(project)),
  };
}
