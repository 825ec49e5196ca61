import { SESSION_COMMAND } from "../session-scripts.ts";

/** A command that runs a session with a script, and the environment that holds the script. */
export type SessionCommand = { readonly command: readonly string[]; readonly env: Readonly<Record<string, string>> };

/** Linux takes no variable of more than 128 KiB. */
const LONGEST_VARIABLE = 100_000;
/** All variables and arguments together may be about 2 MB. */
const LONGEST_ENVIRONMENT = 1_000_000;

/**
 * The command for engines whose exec has no stdin.
 * @returns undefined when the script is too long for an environment; then see {@link fileSessionCommand}
 */
export function sessionCommand(script: string): SessionCommand | undefined {
  if (script.length > LONGEST_ENVIRONMENT) return undefined;
  const parts = script.match(new RegExp(`[\\s\\S]{1,${LONGEST_VARIABLE}}`, "g")) ?? [];
  const entries = parts.map((part, index): [string, string] => [`IRIS_PORTS_SCRIPT_${index}`, part]);
  const names = entries.map(([name]) => `"$${name}"`).join(" ");
  const session = SESSION_COMMAND.join(" ");
  return { command: ["sh", "-c", `printf %s ${names} | ${session}`], env: Object.fromEntries(entries) };
}

/** The command for a script that is in a file of the container. */
export function fileSessionCommand(path: string): readonly string[] {
  return ["sh", "-c", `${SESSION_COMMAND.join(" ")} < '${path}'`];
}
