import {
  type AssignmentRecord,
  type CommitToken,
  type DetailRecord,
  type HistoryRecord,
  type HolderRecord,
  type RegistryDocument,
  SCHEMA_VERSION,
  type SeenRecord,
  type ServerRecord,
  type WaiterRecord,
} from "./document.ts";
import { DocumentError, NewerSchemaError } from "./document-error.ts";
import {
  asArray,
  asMap,
  asOneOf,
  asPort,
  asRecord,
  asText,
  asTime,
  type JsonRecord,
  mapOf,
  without,
} from "./json-fields.ts";
import { reconcileDetails, reconcileSeen, restoreHeld, withoutPlaceholders } from "./reconcile.ts";

/** A document with the token it carried; none if another tool made the file. */
export type ParsedDocument = { readonly document: RegistryDocument; readonly token: CommitToken | undefined };

/**
 * Reads a document and checks all of it. If the Python tool begins a new document, our part is missing; our part of
 * `lastVersion` then stays in force, so that live holders keep their ports.
 * @throws DocumentError for anything that neither this version nor the Python tool could have written
 * @throws NewerSchemaError for a schema newer than {@link SCHEMA_VERSION}
 */
export function parseDocument(text: string, lastVersion?: () => string | undefined): ParsedDocument {
  if (text.trim() === "") throw new DocumentError("the file is empty");
  const root = asMap(parseJson(text.replace(/^\uFEFF/, "")), "the document");
  checkSchema(root.get("schema_version"));
  const assignments = asArray(root.get("assignments"), "assignments").map(parseAssignment);
  const own = root.has("iris_ports") ? asMap(root.get("iris_ports"), "iris_ports") : ownPartOf(lastVersion?.());
  if (new Set(assignments.map((record) => record.project_path)).size < assignments.length)
    throw new DocumentError("a project has two assignments");
  const allDetails = mapOf(own.get("details"), "iris_ports.details", parseDetail);
  for (const [key, { instance }] of allDetails)
    if (instance !== undefined && !key.endsWith(`#${instance}`))
      throw new DocumentError(`instance ${JSON.stringify(instance)} is not what ${JSON.stringify(key)} ends with`);
  const allHolders = mapOf(own.get("holders"), "iris_ports.holders", parseHolders);
  checkPortsDistinct(withoutPlaceholders(assignments));
  const restored = restoreHeld(assignments, allDetails, allHolders);
  const details = reconcileDetails(restored, allDetails);
  const holders = new Map([...allHolders].filter(([key]) => details.has(key)));
  return {
    document: {
      assignments: restored.assignments,
      holders,
      details,
      history: asArray(own.get("history") ?? [], "iris_ports.history").map(parseHistory),
      waiters: asArray(own.get("waiters") ?? [], "iris_ports.waiters").map(parseWaiter),
      seen: reconcileSeen(restored.assignments, mapOf(own.get("seen"), "iris_ports.seen", parseSeen)),
      ...(own.has("engines") ? { engines: mapOf(own.get("engines"), "iris_ports.engines", asText) } : {}),
      ...(own.has("server") ? { server: parseServer(own.get("server")) } : {}),
      unknown: { top: without(root, TOP_KEYS), own: without(own, OWN_KEYS) },
    },
    token: root.has("iris_ports") ? parseToken(own) : undefined,
  };
}

/** Our part of another version; empty if there is none. */
function ownPartOf(text: string | undefined): ReadonlyMap<string, unknown> {
  const own = text === undefined ? undefined : asMap(parseJson(text), "the last version").get("iris_ports");
  return own === undefined ? new Map() : asMap(own, "iris_ports");
}

const TOP_KEYS = ["schema_version", "assignments", "iris_ports"];
const OWN_KEYS = ["revision", "commit", "holders", "details", "history", "waiters", "seen", "engines", "server"];

function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    // The message quotes the text, which may have several lines.
    throw new DocumentError(`it is not JSON (${(cause as Error).message.replaceAll(/\s+/g, " ")})`);
  }
  // JSON.parse() reads any depth, but writing it back would overflow the stack, here and in the Python tool.
  if (isDeeperThan(value, DEEPEST)) throw new DocumentError(`it is nested more than ${DEEPEST} levels deep`);
  return value;
}

const DEEPEST = 100;

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeperThan(member, levels - 1));
}

function checkSchema(version: unknown): void {
  const match = typeof version === "string" ? /^(\d{1,6})\.(\d{1,6})$/.exec(version) : null;
  if (match === null) throw new DocumentError("schema_version is missing or not a version");
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const [knownMajor, knownMinor] = SCHEMA_VERSION.split(".").map(Number) as [number, number];
  if (major > knownMajor || (major === knownMajor && minor > knownMinor)) throw new NewerSchemaError(match[0]);
}

function checkPortsDistinct(assignments: readonly AssignmentRecord[]): void {
  const seen = new Map<number, string>();
  for (const { port, project_path: project } of assignments) {
    const other = seen.get(port);
    if (other !== undefined)
      throw new DocumentError(
        `port ${port} is assigned twice, to ${JSON.stringify(other)} and ${JSON.stringify(project)}`,
      );
    seen.set(port, project);
  }
}

/** @throws DocumentError */
export function parseAssignment(value: unknown, index: number): AssignmentRecord {
  const where = `assignments[${index}]`;
  const record = asRecord(value, where);
  const containerName = record.container_name ?? null;
  if (containerName !== null && typeof containerName !== "string")
    throw new DocumentError(`${where}.container_name is not a string`);
  const projectPath = asText(record.project_path, `${where}.project_path`);
  if (projectPath === "") throw new DocumentError(`${where}.project_path is empty`);
  return {
    project_path: projectPath,
    port: asPort(record.port, `${where}.port`),
    assigned_at: asTime(record.assigned_at, `${where}.assigned_at`),
    assignment_type: asOneOf(record.assignment_type, ["auto", "manual"], `${where}.assignment_type`),
    status: asOneOf(record.status, ["active", "released", "stale"], `${where}.status`),
    container_name: containerName,
  };
}

function parseHolders(value: unknown, where: string): readonly HolderRecord[] {
  return asArray(value, where).map((holder, index) => parseHolder(holder, `${where}[${index}]`));
}

function parseHolder(value: unknown, where: string): HolderRecord {
  const record = asRecord(value, where);
  asText(record.id, `${where}.id`);
  asOneOf(record.kind, ["process", "job", "manual"], `${where}.kind`);
  asTime(record.since, `${where}.since`);
  for (const key of ["expires_at", "restarts_until"])
    if (record[key] !== undefined) asTime(record[key], `${where}.${key}`);
  if (record.container !== undefined) {
    const container = asRecord(record.container, `${where}.container`);
    for (const key of ["id", "engine", "started_at"]) asText(container[key], `${where}.container.${key}`);
  }
  if (record.description !== undefined) asText(record.description, `${where}.description`);
  if (record.directory !== undefined) checkDirectory(asRecord(record.directory, `${where}.directory`), where);
  if (record.process !== undefined) checkProcess(asRecord(record.process, `${where}.process`), `${where}.process`);
  else if (record.kind === "process") throw new DocumentError(`${where}.process is missing`);
  return value as HolderRecord;
}

function checkDirectory(directory: JsonRecord, where: string): void {
  for (const key of ["path", "host"]) asText(directory[key], `${where}.directory.${key}`);
  for (const key of ["host_name", "mount"])
    if (directory[key] !== undefined) asText(directory[key], `${where}.directory.${key}`);
  if (typeof directory.device !== "number") throw new DocumentError(`${where}.directory.device is not a number`);
}

function checkProcess(identity: JsonRecord, where: string): void {
  for (const key of ["host", "boot_id", "pid_namespace", "start_time"]) asText(identity[key], `${where}.${key}`);
  for (const key of ["host_name", "thread"]) if (identity[key] !== undefined) asText(identity[key], `${where}.${key}`);
  if (!Number.isSafeInteger(identity.pid) || (identity.pid as number) < 1)
    throw new DocumentError(`${where}.pid is not a process id`);
}

function parseDetail(value: unknown, where: string): DetailRecord {
  const record = asRecord(value, where);
  asPort(record.port, `${where}.port`);
  asText(record.generation ?? record.tenure, `${where}.generation`);
  if (record.instance !== undefined) asText(record.instance, `${where}.instance`);
  if (record.web_port !== undefined) asPort(record.web_port, `${where}.web_port`);
  if (record.engine !== undefined) asText(record.engine, `${where}.engine`);
  // Before 0.2.0 the generation was called tenure.
  const { tenure, ...detail } = value as DetailRecord & { readonly tenure?: string };
  return tenure === undefined ? detail : { ...detail, generation: tenure };
}

function parseHistory(value: unknown, index: number): HistoryRecord {
  const where = `iris_ports.history[${index}]`;
  const record = asRecord(value, where);
  asText(record.project, `${where}.project`);
  asPort(record.port, `${where}.port`);
  asTime(record.released_at, `${where}.released_at`);
  if (record.users !== undefined) parseHolders(record.users, `${where}.users`);
  if (record.generation !== undefined) asText(record.generation, `${where}.generation`);
  if (record.instance !== undefined) asText(record.instance, `${where}.instance`);
  return value as HistoryRecord;
}

function parseWaiter(value: unknown, index: number): WaiterRecord {
  const where = `iris_ports.waiters[${index}]`;
  const record = asRecord(value, where);
  asText(record.id, `${where}.id`);
  asText(record.project, `${where}.project`);
  asTime(record.since, `${where}.since`);
  const range = asArray(record.range, `${where}.range`);
  if (range.length !== 2) throw new DocumentError(`${where}.range is not a pair`);
  for (const bound of range) asPort(bound, `${where}.range`);
  parseHolder(record.holder, `${where}.holder`);
  return value as WaiterRecord;
}

function parseSeen(value: unknown, where: string): SeenRecord {
  const record = asRecord(value, where);
  asPort(record.port, `${where}.port`);
  for (const key of ["assigned_at", "at"]) asTime(record[key], `${where}.${key}`);
  return value as SeenRecord;
}

function parseServer(value: unknown): ServerRecord {
  const record = asRecord(value, "iris_ports.server");
  asText(record.run_id, "iris_ports.server.run_id");
  asText(record.replication_id, "iris_ports.server.replication_id");
  if (record.grace_until !== undefined) asTime(record.grace_until, "iris_ports.server.grace_until");
  return value as ServerRecord;
}

function parseToken(own: ReadonlyMap<string, unknown>): CommitToken | undefined {
  const revision = own.get("revision");
  const commit = own.get("commit");
  if (revision === undefined && commit === undefined) return undefined;
  // Below what a name in the commit directory has digits for.
  if (!Number.isInteger(revision) || (revision as number) < 0 || (revision as number) > 1e14)
    throw new DocumentError("iris_ports.revision is not a number of commits");
  if (typeof commit !== "string" || !/^[0-9a-f]{1,64}$/.test(commit))
    throw new DocumentError("iris_ports.commit is not a commit id");
  return { revision: revision as number, commit };
}
