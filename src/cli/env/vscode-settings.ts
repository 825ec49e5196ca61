import { basename } from "node:path";
import {
  applyEdits,
  type FormattingOptions,
  type JSONPath,
  modify,
  type ParseError,
  parse,
  printParseErrorCode,
  stripComments,
} from "jsonc-parser";
import type { PortAssignment } from "../../registry/assignment.ts";
import { lineEndOf, linesOf, unusable } from "./text-file.ts";
import { type Endpoint, plainName } from "./variables.ts";

const CONNECTION = "objectscript.conn";

/**
 * The settings of VS Code's InterSystems extensions, each with whether it replaces what the user has set.
 * @see https://github.com/intersystems-community/vscode-objectscript `objectscript.conn`, which wants the web port
 * @see https://github.com/intersystems-community/intersystems-servermanager `intersystems.servers`
 */
export function vscodeSettings(
  assignment: PortAssignment,
  { host, namespace, username }: Endpoint,
  given: { readonly namespace?: string; readonly username?: string },
): readonly { readonly path: JSONPath; readonly value: unknown; readonly isKept: boolean }[] {
  const { port, webPort, projectPath, instance } = assignment;
  const name = [basename(projectPath), ...(instance === undefined ? [] : [instance])].map(plainName).join("-");
  const conn = (key: string, value: unknown, isKept = false) => ({ path: [CONNECTION, key], value, isKept });
  const server = (path: JSONPath, value: unknown, isKept = false) => ({
    path: ["intersystems.servers", name, ...path],
    value,
    isKept,
  });
  return [
    conn("active", true, true),
    conn("host", host),
    conn("port", webPort),
    conn("ns", namespace, given.namespace === undefined),
    conn("username", username, given.username === undefined),
    server(["webServer", "scheme"], "http", true),
    server(["webServer", "host"], host),
    server(["webServer", "port"], webPort),
    server(["superServer", "port"], port),
    server(["username"], username, given.username === undefined),
  ];
}

/**
 * A settings.json with these settings, or a .code-workspace file, which has them below `settings`. Everything else, comments
 * and a byte order mark included, stays as it is. A connection that the user has set with another key stays as well, and the
 * note says so.
 * @throws InvalidArgumentError if it is not an object in JSON with comments (with line and column), or has no place for
 * a setting
 */
export function withSettings(
  path: string,
  text: string,
  settings: ReturnType<typeof vscodeSettings>,
): { readonly text: string; readonly note: string | undefined } {
  const formattingOptions = formattingOf(text);
  const { eol } = formattingOptions;
  const mark = text.startsWith("\ufeff") ? "\ufeff" : "";
  const body = text.slice(mark.length);
  const gap = body.trim() === "" ? "" : eol;
  const start = stripComments(body).trim() === "" ? `${body.trimEnd()}${gap}{}${eol}` : body;
  const top = /\.code-workspace$/i.test(path) ? ["settings"] : [];
  const conn = valueAt(parseSettings(path, start), [...top, CONNECTION]);
  const decisive = ["server", "docker-compose"].find((key) => valueAt(conn, [key]));
  const written = settings.filter(({ path: [name] }) => decisive === undefined || name !== CONNECTION);
  const edited = written.reduce((before, { path: name, value, isKept }) => {
    const key = [...top, ...name];
    const settled = parseSettings(path, before);
    checkParents(path, settled, key);
    const present = valueAt(settled, key);
    if (present === value || (isKept && present !== undefined)) return before;
    const after = applyEdits(before, modify(before, key, value, { formattingOptions }));
    if (valueAt(parseSettings(path, after), key) === value) return after;
    throw unusable(path, `has a key of ${key.join(" > ")} twice`, "remove one of the two, then run the command again");
  }, start);
  const note =
    decisive && `${CONNECTION} of ${path} was left alone: its ${decisive} makes the extension ignore host and port.`;
  return { text: mark + edited, note };
}

/** A setting can only be added to objects, and to what does not exist yet. */
function checkParents(path: string, settings: unknown, key: JSONPath): void {
  for (let depth = 1; depth < key.length; depth++) {
    const above = key.slice(0, depth);
    const parent = valueAt(settings, above);
    if (parent === undefined || isObject(parent)) continue;
    const remedy = "make it an object, or remove it, then run the command again";
    throw unusable(path, `has something other than an object in ${above.join(" > ")}`, remedy);
  }
}

function parseSettings(path: string, text: string): unknown {
  const errors: ParseError[] = [];
  const value = parsed(path, text, errors);
  const [error] = errors;
  if (error === undefined && isObject(value)) return value;
  const before = linesOf(`${text.slice(0, error?.offset ?? 0)} `);
  const place = `line ${before.length}, column ${before.at(-1)?.length}`;
  const reason = error ? `: ${printParseErrorCode(error.error)} in ${place}` : "";
  throw unusable(
    path,
    `is not an object in JSON with comments${reason}`,
    "correct it there, then run the command again",
  );
}

function parsed(path: string, text: string, errors: ParseError[]): unknown {
  try {
    return parse(text, errors, { allowTrailingComma: true });
  } catch (cause) {
    // The parser calls itself for each level.
    if (!(cause instanceof RangeError)) throw cause;
    throw unusable(path, "is nested too deeply", "correct it, then run the command again");
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function valueAt(settings: unknown, path: JSONPath): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], settings);
}

function formattingOf(text: string): FormattingOptions & { readonly eol: string } {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? "  ";
  return {
    insertSpaces: !indent.startsWith("\t"),
    tabSize: indent.startsWith("\t") ? 4 : indent.length,
    eol: lineEndOf(text),
  };
}
