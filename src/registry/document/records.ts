import type { AssignmentRecord, DetailRecord, HolderRecord } from "../../stores/document.ts";
import { timeText } from "../../stores/time-text.ts";
import type { PortAssignment } from "../assignment.ts";
import type { ContainerIdentity, Holder } from "../holder.ts";
import type { DirectoryIdentity } from "../host/directory-identity.ts";
import { containerName } from "../project.ts";
import { readTime } from "./times.ts";

/** Converts an entry of the document to an assignment. */
export function toAssignment(record: AssignmentRecord, detail: DetailRecord | undefined): PortAssignment {
  const instance = detail === undefined ? instanceOf(record.project_path) : detail.instance;
  const suffix = instance === undefined ? 0 : instance.length + 1;
  return {
    projectPath: record.project_path.slice(0, record.project_path.length - suffix),
    ...(instance === undefined ? {} : { instance }),
    projectKey: record.project_path,
    port: record.port,
    ...(detail?.web_port === undefined ? {} : { webPort: detail.web_port }),
    assignedAt: readTime(record.assigned_at),
    assignmentType: record.assignment_type,
    status: "active",
    containerName: record.container_name ?? containerName(record.project_path, record.port),
  };
}

/** The six keys of an assignment in the document. */
export function toRecord(
  assignment: Omit<PortAssignment, "projectPath" | "status" | "containerName">,
): AssignmentRecord {
  return {
    project_path: assignment.projectKey,
    port: assignment.port,
    assigned_at: timeText(assignment.assignedAt),
    assignment_type: assignment.assignmentType,
    status: "active",
    // Null, because the Python tool removes entries whose named container does not exist.
    container_name: null,
  };
}

/** Our data about an assignment that is taken, beside its six keys. */
export function toDetail({ port, instance, webPort }: PortAssignment, generation: string): DetailRecord {
  return {
    port,
    generation,
    ...(instance === undefined ? {} : { instance }),
    ...(webPort === undefined ? {} : { web_port: webPort }),
  };
}

// Records are immutable, so each is converted once, however often its document is read.
const holders = new WeakMap<HolderRecord, Holder>();

export function toHolder(record: HolderRecord): Holder {
  const known = holders.get(record);
  if (known !== undefined) return known;
  const holder = readHolder(record);
  holders.set(record, holder);
  return holder;
}

function readHolder(record: HolderRecord): Holder {
  const { process } = record;
  const base = {
    id: record.id,
    since: new Date(record.since),
    ...(record.expires_at === undefined ? {} : { expiresAt: new Date(record.expires_at) }),
    ...(record.description === undefined ? {} : { description: record.description }),
    ...(record.uses_container ? { usesContainer: true } : {}),
    ...(record.leaving ? { isLeaving: true } : {}),
    ...(record.restarts_until === undefined ? {} : { restartsUntil: new Date(record.restarts_until) }),
    ...(record.container === undefined ? {} : { container: toContainer(record.container) }),
  };
  if (record.kind === "manual")
    return { ...base, kind: "manual", ...(record.directory && { directory: toDirectory(record.directory) }) };
  if (process === undefined) return { ...base, kind: "job" };
  const identity = {
    host: process.host,
    ...(process.host_name === undefined ? {} : { hostName: process.host_name }),
    bootId: process.boot_id,
    pidNamespace: process.pid_namespace,
    pid: process.pid,
    startTime: process.start_time,
    ...(process.thread === undefined ? {} : { thread: process.thread }),
  };
  return { ...base, kind: record.kind === "job" ? "job" : "process", process: identity };
}

function toDirectory({ host_name, ...directory }: NonNullable<HolderRecord["directory"]>): DirectoryIdentity {
  return { ...directory, ...(host_name !== undefined && { hostName: host_name }) };
}

function toDirectoryRecord({ hostName, ...directory }: DirectoryIdentity): NonNullable<HolderRecord["directory"]> {
  return { ...directory, ...(hostName !== undefined && { host_name: hostName }) };
}

function toContainer({ id, engine, started_at }: NonNullable<HolderRecord["container"]>): ContainerIdentity {
  return { id, engine, startedAt: started_at };
}

function toContainerRecord({ id, engine, startedAt }: ContainerIdentity): NonNullable<HolderRecord["container"]> {
  return { id, engine, started_at: startedAt };
}

export function toHolderRecord(holder: Holder): HolderRecord {
  const process = holder.kind === "manual" ? undefined : holder.process;
  return {
    id: holder.id,
    kind: holder.kind,
    since: timeText(holder.since),
    ...(holder.expiresAt === undefined ? {} : { expires_at: timeText(holder.expiresAt) }),
    ...(holder.description === undefined ? {} : { description: holder.description }),
    ...(holder.usesContainer ? { uses_container: true } : {}),
    ...(holder.isLeaving ? { leaving: true } : {}),
    ...(holder.restartsUntil === undefined ? {} : { restarts_until: timeText(holder.restartsUntil) }),
    ...(holder.container === undefined ? {} : { container: toContainerRecord(holder.container) }),
    ...(holder.kind === "manual" && holder.directory && { directory: toDirectoryRecord(holder.directory) }),
    ...(process === undefined
      ? {}
      : {
          process: {
            host: process.host,
            ...(process.hostName === undefined ? {} : { host_name: process.hostName }),
            boot_id: process.bootId,
            pid_namespace: process.pidNamespace,
            pid: process.pid,
            start_time: process.startTime,
            ...(process.thread === undefined ? {} : { thread: process.thread }),
          },
        }),
  };
}

// An entry of the Python tool has no detail; if its path ends like an instance, that is taken as one.
function instanceOf(key: string): string | undefined {
  return /#([A-Za-z0-9][A-Za-z0-9._-]{0,99})$/.exec(key)?.[1];
}
