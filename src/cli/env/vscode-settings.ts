import { basename } from "node:path";
import {
  applyEdits,
  type FormattingOptions,
  type JSONPath,
  modify,
  type ParseError,
  parse,
  printParseErrorCode,
} from "jsonc-parser";
import { InvalidArgumentError } from "../../errors/errors.ts";
import type { PortAssignment } from "../../registry/assignment.ts";
import { type Endpoint, plainName } from "./variables.ts";

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
  const conn = (key: string, value: unknown, isKept = false) => ({ path: ["objectscript.conn", key], value, isKept });
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
 * A settings.json with these settings; everything else, comments included, stays as it is.
 * @throws InvalidArgumentError with line and column, where it is not an object in JSON with comments
 */
export function withSettings(path: string, text: string, settings: ReturnType<typeof vscodeSettings>): string {
  const formattingOptions = formattingOf(text);
  return settings.reduce(
    (edited, { path: key, value, isKept }) => {
      if (isKept && valueAt(parseSettings(path, edited), key) !== undefined) return edited;
      if (valueAt(parseSettings(path, edited), key) === value) return edited;
      return applyEdits(edited, modify(edited, key, value, { formattingOptions }));
    },
    text.trim() === "" ? `{}${formattingOptions.eol}` : text,
  );
}

function parseSettings(path: string, text: string): unknown {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const [error] = errors;
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (error === undefined && isObject) return value;
  const before = text.slice(0, error?.offset ?? 0).split("\n");
  const place = `line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`;
  throw new InvalidArgumentError({
    what: `${path} is not an object in JSON with comments${error ? `: ${printParseErrorCode(error.error)} in ${place}` : ""}.`,
    state: "The file was not changed.",
    remedy: "correct it there, then run the command again.",
    argument: "--write",
    value: path,
  });
}

function valueAt(settings: unknown, path: JSONPath): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], settings);
}

function formattingOf(text: string): FormattingOptions & { readonly eol: string } {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? "  ";
  return {
    insertSpaces: !indent.startsWith("\t"),
    tabSize: indent.startsWith("\t") ? 4 : indent.length,
    eol: text.includes("\r\n") ? "\r\n" : "\n",
  };
}
