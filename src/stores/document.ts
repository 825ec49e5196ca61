import { recordsInFile } from "./reconcile.ts";

/** The newest `schema_version` this code understands; it is shared with the Python tool `iris-devtester`. */
export const SCHEMA_VERSION = "1.0";

/** An assignment as the document keeps it: exactly these six keys, which is all that the Python tool writes back. */
export type AssignmentRecord = {
  readonly project_path: string;
  readonly port: number;
  readonly assigned_at: string;
  readonly assignment_type: "auto" | "manual";
  readonly status: string;
  readonly container_name: string | null;
};

/** A holder as the document keeps it. */
export type HolderRecord = {
  readonly id: string;
  readonly kind: "process" | "job" | "manual";
  readonly since: string;
  readonly expires_at?: string;
  readonly description?: string;
  readonly uses_container?: true;
  readonly leaving?: true;
  readonly restarts_until?: string;
  readonly container?: { readonly id: string; readonly engine: string; readonly started_at: string };
  /** Of a manual holder: the directory it holds for, and where that was seen. */
  readonly directory?: {
    readonly path: string;
    readonly host: string;
    readonly host_name?: string;
    readonly device: number;
    readonly mount?: string;
  };
  readonly process?: {
    readonly host: string;
    readonly host_name?: string;
    readonly boot_id: string;
    readonly pid_namespace: string;
    readonly pid: number;
    readonly start_time: string;
    readonly thread?: string;
  };
};

/** Our data about an assignment besides its holders. `port` tells whether it still belongs to the same entry. */
export type DetailRecord = {
  readonly port: number;
  readonly generation: string;
  readonly instance?: string;
  readonly web_port?: number;
  readonly engine?: string;
  /** The port was asked for by number; needed to restore an entry that another tool dropped. */
  readonly manual?: true;
  /** The entry was made by another tool, which may still rely on it. */
  readonly foreign?: true;
};

/** A released port, remembered so that the project gets it again. */
export type HistoryRecord = {
  readonly project: string;
  readonly port: number;
  readonly released_at: string;
  /** The users that the project's container had when the port was released or cleared, and its generation. */
  readonly users?: readonly HolderRecord[];
  readonly generation?: string;
  readonly instance?: string;
};

/** A waiter in the queue for a port. */
export type WaiterRecord = {
  readonly id: string;
  readonly project: string;
  readonly range: readonly [number, number];
  readonly since: string;
  readonly holder: HolderRecord;
};

/** For documents on a server: the run of the server, and the consequences of its last change. */
export type ServerRecord = {
  readonly run_id: string;
  readonly replication_id: string;
  /** Acknowledged writes may be lost; until then, holders assert their ports, and no new port is assigned. */
  readonly grace_until?: string;
};

/** When an entry of another tool was seen first. Port and time tell whether it is still the same entry. */
export type SeenRecord = { readonly port: number; readonly assigned_at: string; readonly at: string };

/** The whole document. Immutable: a change makes a new one and keeps the records it did not touch. */
export type RegistryDocument = {
  readonly assignments: readonly AssignmentRecord[];
  readonly holders: ReadonlyMap<string, readonly HolderRecord[]>;
  readonly details: ReadonlyMap<string, DetailRecord>;
  readonly history: readonly HistoryRecord[];
  readonly waiters: readonly WaiterRecord[];
  /** Only of entries whose own time does not tell their age for certain. */
  readonly seen: ReadonlyMap<string, SeenRecord>;
  readonly server?: ServerRecord | undefined;
  /** The IDs of container engines, by what tells that the same one still runs: asking an engine for its ID takes long. */
  readonly engines?: ReadonlyMap<string, string> | undefined;
  /** Unknown keys of other tools, written back unchanged. */
  readonly unknown: { readonly top: ReadonlyMap<string, unknown>; readonly own: ReadonlyMap<string, unknown> };
};

/** Which commit wrote the document. */
export type CommitToken = { readonly revision: number; readonly commit: string };

export const EMPTY_DOCUMENT: RegistryDocument = {
  assignments: [],
  holders: new Map(),
  details: new Map(),
  history: [],
  waiters: [],
  seen: new Map(),
  unknown: { top: new Map(), own: new Map() },
};

/** Writes a document with the token of the commit that publishes it: one record per line, so that versions can be compared with diff. */
export function serializeDocument(document: RegistryDocument, token: CommitToken): Buffer {
  const own = [
    [line("revision", token.revision)],
    [line("commit", token.commit)],
    block("holders", "{}", membersOf(document.holders), "      "),
    block("details", "{}", membersOf(document.details), "      "),
    block("history", "[]", document.history.map(bytesOf), "      "),
    block("waiters", "[]", document.waiters.map(bytesOf), "      "),
    ...(document.seen.size === 0 ? [] : [block("seen", "{}", membersOf(document.seen), "      ")]),
    ...(document.engines === undefined ? [] : [block("engines", "{}", membersOf(document.engines), "      ")]),
    ...(document.server === undefined ? [] : [[line("server", document.server)]]),
    ...membersOf(document.unknown.own).map((member) => [member]),
  ];
  const top = [
    [line("schema_version", SCHEMA_VERSION)],
    block("assignments", "[]", recordsInFile(document.assignments).map(bytesOf), "    "),
    ...membersOf(document.unknown.top).map((member) => [member]),
    [Buffer.from('"iris_ports": {\n    '), ...joined(own, ",\n    "), Buffer.from("\n  }")],
  ];
  return Buffer.concat([Buffer.from("{\n  "), ...joined(top, ",\n  "), Buffer.from("\n}\n")]);
}

// Records are immutable, so the text of each is cached; most of a large document is only copied.
const bytes = new WeakMap<object, Buffer>();
const members = new WeakMap<object, { readonly key: string; readonly bytes: Buffer }>();

function bytesOf(record: object): Buffer {
  const known = bytes.get(record);
  if (known !== undefined) return known;
  const made = Buffer.from(JSON.stringify(record));
  bytes.set(record, made);
  return made;
}

function membersOf(map: ReadonlyMap<string, unknown>): Buffer[] {
  return Array.from(map, ([key, value]) => memberOf(key, value));
}

function memberOf(key: string, value: unknown): Buffer {
  if (typeof value !== "object" || value === null) return line(key, value);
  const known = members.get(value);
  if (known?.key === key) return known.bytes;
  const made = line(key, value);
  members.set(value, { key, bytes: made });
  return made;
}

function line(key: string, value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(key)}: ${JSON.stringify(value)}`);
}

function block(key: string, brackets: "[]" | "{}", lines: readonly Buffer[], indent: string): readonly Buffer[] {
  if (lines.length === 0) return [Buffer.from(`"${key}": ${brackets}`)];
  const content = joined(
    lines.map((one) => [one]),
    `,\n${indent}`,
  );
  return [
    Buffer.from(`"${key}": ${brackets[0]}\n${indent}`),
    ...content,
    Buffer.from(`\n${indent.slice(2)}${brackets[1]}`),
  ];
}

function joined(parts: readonly (readonly Buffer[])[], separator: string): Buffer[] {
  const between = Buffer.from(separator);
  const all: Buffer[] = [];
  for (const part of parts) {
    if (all.length > 0) all.push(between);
    for (const piece of part) all.push(piece);
  }
  return all;
}
