import type { PortAssignment } from "../../registry/assignment.ts";
import type { LoginOptions } from "../connection.ts";
import { assignedNames, type LineFormat } from "./assigned-names.ts";
import { dotenvLines, shellLines, tomlLines, unreadableByNode } from "./formats.ts";
import { isBlockBegin, outsideBlock, withBlock } from "./marked-block.ts";
import { linesOf, type TextFile, unusable } from "./text-file.ts";
import { type Endpoint, variablesOf } from "./variables.ts";
import { vscodeSettings, withSettings } from "./vscode-settings.ts";

/** The formats in which our lines can be marked. */
export type WrittenFormat = LineFormat | "vscode";

/** A file and its new text. */
export type Edit = {
  readonly file: TextFile;
  readonly text: string;
  readonly isCurrent: boolean;
  /** What was left out, or cannot be read by every tool. */
  readonly note: string | undefined;
};

/** @throws InvalidArgumentError when the file sets our names outside our block, unless `force` */
export function editFile(
  file: TextFile,
  format: WrittenFormat,
  assignment: PortAssignment,
  endpoint: Endpoint,
  options: LoginOptions & { readonly force?: boolean },
): Edit {
  const { text, note = undefined } =
    format === "vscode"
      ? withSettings(file.path, file.text, vscodeSettings(assignment, endpoint, options))
      : {
          text: withLines(file, format, assignment, endpoint, options.force ?? false),
          note: format === "dotenv" ? noteForNode(file, assignment, endpoint) : undefined,
        };
  return { file, text, note, isCurrent: text === file.text && file.stat !== undefined };
}

function noteForNode({ path }: TextFile, assignment: PortAssignment, endpoint: Endpoint): string | undefined {
  const names = unreadableByNode(variablesOf(assignment, endpoint));
  if (names.length === 0) return undefined;
  return `Node's --env-file cannot read ${names.join(", ")} in ${path}: its value has an apostrophe beside a character that needs an escape. Docker Compose and python-dotenv can.`;
}

function withLines(
  { path, text }: TextFile,
  format: LineFormat,
  assignment: PortAssignment,
  endpoint: Endpoint,
  isForced: boolean,
): string {
  const ours = format === "toml" ? OUR_KEY : OUR_VARIABLE;
  const edit = withBlock(text, linesFor(text, format, assignment, endpoint), {
    place: PLACE[format],
    isForced,
    settingsIn: (lines) => assignedNames(lines, format).map((name) => (name && ours.test(name) ? name : undefined)),
  });
  if (edit.kind === "edited") return checkQuotes(path, edit.text, format);
  throw unusable(
    path,
    `sets ${edit.names.join(", ")} outside the lines that iris-ports keeps`,
    "remove those lines, or run the command again with --force, which turns them into comments",
  );
}

/** An unclosed quotation mark would be closed by one of ours, which would make our lines part of that value. */
function checkQuotes(path: string, text: string, format: LineFormat): string {
  const lines = linesOf(text);
  const names = assignedNames(lines, format);
  const name = names.find((found, index) => found !== undefined && isBlockBegin(lines[index] as string));
  if (name === undefined) return text;
  throw unusable(
    path,
    `has an unclosed quotation mark in the value of ${name}, so the lines of iris-ports would become part of that value`,
    "close it, or remove it, then run the command again",
  );
}

const PLACE = { shell: "end", dotenv: "end", toml: "start" } as const;
const OUR_KEY = /^(host|web_port|port|namespace|username)$/;
const OUR_VARIABLE = /^(IRIS_(HOST|PORT|WEB_PORT|NAMESPACE|USERNAME|CONTAINER_NAME)|IRIS_PORTS_(PROJECT|INSTANCE))$/;

/** A `COMPOSE_PROJECT_NAME` that the file sets itself is kept. */
function linesFor(text: string, format: LineFormat, assignment: PortAssignment, endpoint: Endpoint): readonly string[] {
  if (format === "toml") return tomlLines(assignment, endpoint);
  const variables = Object.entries(variablesOf(assignment, endpoint));
  const names = outsideBlock(text, PLACE[format]).flatMap((part) => assignedNames(linesOf(part), format));
  const isComposeNamed = names.includes("COMPOSE_PROJECT_NAME");
  const written = variables.filter(([name]) => !isComposeNamed || name !== "COMPOSE_PROJECT_NAME");
  return (format === "shell" ? shellLines : dotenvLines)(Object.fromEntries(written));
}
