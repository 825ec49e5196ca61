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
  readonly process?: {
    readonly host: string;
    readonly boot_id: string;
    readonly pid_namespace: string;
    readonly pid: number;
    readonly start_time: string;
  };
};

/** What is ours about an assignment besides its holders. `port` tells whether it still speaks of the same entry. */
export type DetailRecord = {
  readonly port: number;
  readonly tenure: string;
  readonly instance?: string;
  readonly web_port?: number;
  readonly engine?: string;
  /** The port was asked for by number: so that an entry which another tool dropped is put back as it was. */
  readonly manual?: true;
  /** The entry was made by another tool, which may still rely on it. */
  readonly foreign?: true;
};

/** A port a project gave back, so that it gets the same one again. */
export type HistoryRecord = { readonly project: string; readonly port: number; readonly released_at: string };

/** Somebody who waits for a port, in the order of arrival. */
export type WaiterRecord = {
  readonly id: string;
  readonly project: string;
  readonly range: readonly [number, number];
  readonly since: string;
  readonly holder: HolderRecord;
};

/** The whole document. Immutable: a change makes a new one and keeps the records it did not touch. */
export type RegistryDocument = {
  readonly assignments: readonly AssignmentRecord[];
  readonly holders: ReadonlyMap<string, readonly HolderRecord[]>;
  readonly details: ReadonlyMap<string, DetailRecord>;
  readonly history: readonly HistoryRecord[];
  readonly waiters: readonly WaiterRecord[];
  /** What others keep under keys we do not know: written back as it was read. */
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
  unknown: { top: new Map(), own: new Map() },
};

/** Writes a document with the token of the commit that publishes it: a record a line, so that two versions diff well. */
export function serializeDocument(document: RegistryDocument, token: CommitToken): string {
  const own = [
    `"revision": ${token.revision}`,
    `"commit": ${JSON.stringify(token.commit)}`,
    `"holders": ${mapText(document.holders)}`,
    `"details": ${mapText(document.details)}`,
    `"history": ${listText(document.history, "      ")}`,
    `"waiters": ${listText(document.waiters, "      ")}`,
    ...memberTexts(document.unknown.own),
  ];
  const top = [
    `"schema_version": ${JSON.stringify(SCHEMA_VERSION)}`,
    `"assignments": ${listText(document.assignments, "    ")}`,
    ...memberTexts(document.unknown.top),
    `"iris_ports": {\n    ${own.join(",\n    ")}\n  }`,
  ];
  return `{\n  ${top.join(",\n  ")}\n}\n`;
}

// Records are immutable, so the text of one never changes: most of a large document is not stringified again.
const texts = new WeakMap<object, string>();
const members = new WeakMap<object, { readonly key: string; readonly text: string }>();

function textOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text = JSON.stringify(value);
  texts.set(value, text);
  return text;
}

function memberText(key: string, value: unknown): string {
  if (typeof value !== "object" || value === null) return `${JSON.stringify(key)}: ${textOf(value)}`;
  const known = members.get(value);
  if (known?.key === key) return known.text;
  const text = `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
  members.set(value, { key, text });
  return text;
}

function listText(records: readonly unknown[], indent: string): string {
  return inLines("[]", records.map(textOf), indent);
}

function mapText(map: ReadonlyMap<string, unknown>): string {
  return inLines("{}", memberTexts(map), "      ");
}

// Appending is twice as fast as Array.join here, which shows with a thousand assignments.
function inLines(brackets: "[]" | "{}", lines: readonly string[], indent: string): string {
  if (lines.length === 0) return brackets;
  let text = `${brackets[0]}\n`;
  let separator = indent;
  for (const line of lines) {
    text += separator + line;
    separator = `,\n${indent}`;
  }
  return `${text}\n${indent.slice(2)}${brackets[1]}`;
}

function memberTexts(map: ReadonlyMap<string, unknown>): string[] {
  return Array.from(map, ([key, value]) => memberText(key, value));
}
