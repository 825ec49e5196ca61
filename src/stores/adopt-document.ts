import type { CommitToken, DetailRecord, RegistryDocument } from "./document.ts";

/**
 * A document that took the place of our last version, such as a backup that was restored or a new one after a deletion,
 * with what processes and jobs held in that version: their ports stay reserved for them. An entry that only another tool
 * knows keeps its port, because that tool gave it out since; what was held loses a web port with that number. A document
 * newer than our last version keeps all its entries: then the commits were restored from a backup.
 */
export function adoptDocument(found: RegistryDocument, last: RegistryDocument, isNewer = false): RegistryDocument {
  const isOurs = (key: string) => found.details.has(key);
  const firm = found.assignments.filter(({ project_path: key }) => isNewer || !isOurs(key));
  const firmPorts = new Set(
    firm.flatMap(({ port, project_path: key }) => [port, found.details.get(key)?.web_port ?? port]),
  );
  const held = last.assignments.filter(({ project_path: key, port }) => {
    const isHeld = last.holders.get(key)?.some(({ kind }) => kind !== "manual");
    return isHeld && last.details.has(key) && !firmPorts.has(port) && !(isNewer && isOurs(key));
  });
  const keys = new Set(held.map(({ project_path: key }) => key));
  const heldDetails = new Map(
    held.map(({ project_path: key }) => [key, withoutWebPort(last.details.get(key) as DetailRecord, firmPorts)]),
  );
  const ports = new Set([...heldDetails.values()].flatMap(({ port, web_port }) => [port, web_port]));
  const kept = found.assignments.filter(({ project_path: key, port }) => {
    return !keys.has(key) && !ports.has(port) && !ports.has(found.details.get(key)?.web_port ?? 0);
  });
  const keptKeys = new Set(kept.map(({ project_path: key }) => key));
  const merged = <T>(theirs: ReadonlyMap<string, T>, ours: ReadonlyMap<string, T>) =>
    new Map([...[...theirs].filter(([key]) => keptKeys.has(key)), ...[...ours].filter(([key]) => keys.has(key))]);
  return {
    ...found,
    assignments: [...kept, ...held],
    details: merged(found.details, heldDetails),
    holders: merged(found.holders, last.holders),
    history: found.history.filter(({ project }) => !keys.has(project)),
  };
}

/** True for a document that was published after the newest commit: the commits were restored from an older backup. */
export function isNewer({ token }: { readonly token: CommitToken | undefined }, head: CommitToken): boolean {
  return token !== undefined && token.revision > head.revision;
}

function withoutWebPort(detail: DetailRecord, taken: ReadonlySet<number>): DetailRecord {
  const { web_port: webPort, ...rest } = detail;
  return webPort !== undefined && taken.has(webPort) ? rest : detail;
}
