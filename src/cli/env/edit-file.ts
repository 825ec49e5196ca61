import { InvalidArgumentError } from "../../errors/errors.ts";
import type { PortAssignment } from "../../registry/assignment.ts";
import type { LoginOptions } from "../connection.ts";
import { dotenvLines, shellLines, tomlLines } from "./formats.ts";
import { outsideBlock, withBlock } from "./marked-block.ts";
import type { TextFile } from "./text-file.ts";
import { type Endpoint, variablesOf } from "./variables.ts";
import { vscodeSettings, withSettings } from "./vscode-settings.ts";

/** The formats in which our lines can be marked. */
export type WrittenFormat = "shell" | "dotenv" | "vscode" | "toml";

/** A file and its new text. */
export type Edit = { readonly file: TextFile; readonly text: string; readonly isCurrent: boolean };

/** @throws InvalidArgumentError where the file sets our names outside our block, unless `force` */
export function editFile(
  file: TextFile,
  format: WrittenFormat,
  assignment: PortAssignment,
  endpoint: Endpoint,
  options: LoginOptions & { readonly force?: boolean },
): Edit {
  const text =
    format === "vscode"
      ? withSettings(file.path, file.text, vscodeSettings(assignment, endpoint, options))
      : withLines(file, format, assignment, endpoint, options.force ?? false);
  return { file, text, isCurrent: text === file.text && file.stat !== undefined };
}

function withLines(
  { path, text }: TextFile,
  format: "shell" | "dotenv" | "toml",
  assignment: PortAssignment,
  endpoint: Endpoint,
  isForced: boolean,
): string {
  const edit =
    format === "toml"
      ? withBlock(text, tomlLines(assignment, endpoint), { place: "start", isForced, settingsIn: tomlSettings })
      : withBlock(text, (format === "shell" ? shellLines : dotenvLines)(variablesFor(text, assignment, endpoint)), {
          place: "end",
          isForced,
          settingsIn: (lines) => lines.map((line) => OUR_VARIABLE.exec(line)?.[1]),
        });
  if (edit.kind === "edited") return edit.text;
  throw new InvalidArgumentError({
    what: `${path} sets ${edit.names.join(", ")} outside the lines that iris-ports keeps.`,
    state: "The file was not changed.",
    remedy: "remove those lines, or run the command again with --force, which turns them into comments.",
    argument: "--write",
    value: path,
  });
}

/** A `COMPOSE_PROJECT_NAME` that the file sets itself is kept. */
function variablesFor(text: string, assignment: PortAssignment, endpoint: Endpoint): Readonly<Record<string, string>> {
  const variables = variablesOf(assignment, endpoint);
  if (!outsideBlock(text, "end").some((part) => /^[ \t]*(?:export[ \t]+)?COMPOSE_PROJECT_NAME[ \t]*=/m.test(part)))
    return variables;
  const { COMPOSE_PROJECT_NAME: _, ...others } = variables;
  return others;
}

const OUR_VARIABLE =
  /^\s*(?:export\s+)?(IRIS_(?:HOST|PORT|WEB_PORT|NAMESPACE|USERNAME|CONTAINER_NAME)|IRIS_PORTS_(?:PROJECT|INSTANCE))\s*=/;

/** Only keys before the first table belong to the connection. */
function tomlSettings(lines: readonly string[]): readonly (string | undefined)[] {
  const table = lines.findIndex((line) => /^\s*\[/.test(line));
  const own = table < 0 ? lines : lines.slice(0, table);
  return own.map((line) => /^\s*(["']?)(host|web_port|port|namespace|username)\1\s*=/.exec(line)?.[2]);
}
