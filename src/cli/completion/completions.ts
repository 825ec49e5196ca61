import { parseArgs } from "node:util";
import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import type { PortAssignment } from "../../registry/assignment.ts";
import { PortRegistry } from "../../registry/registry.ts";
import { registryOptions } from "../open-registry.ts";

/** PowerShell's script does not quote all that PowerShell interprets; the others quote whatever fits in a line. */
const INSERTABLE = process.platform === "win32" ? /^[\p{L}\p{N}\\/:._-]+$/u : /^\P{Cc}+$/u;

/** Adds a completion: a value, and its description. */
type Complete = (value: string, description: string) => void;

/**
 * `iris-ports complete -- <words>`: prints how the last word can go on, as the scripts of the shells ask it. Projects and
 * instances come from the registry.
 */
export async function printCompletions(program: Command, words: readonly string[]): Promise<void> {
  // What follows `--` belongs to the command of `run`.
  if (words.slice(0, -1).includes("--")) return;
  const root = parserOf(program);
  const assignments = await knownAssignments(words);
  const projects = (complete: Complete) => {
    for (const { projectPath, port } of assignments)
      if (INSERTABLE.test(projectPath)) complete(projectPath, `port ${port}`);
  };
  const instances = (complete: Complete) => {
    for (const { instance, projectPath } of assignments) if (instance !== undefined) complete(instance, projectPath);
  };
  for (const command of root.commands.values()) {
    const project = command.arguments.get("project");
    if (project !== undefined) project.handler = projects;
    for (const [name, handler] of [
      ["project", projects],
      ["instance", instances],
      ["format", choices("shell", "dotenv", "json", "vscode", "toml")],
      ["pull", choices("missing", "always", "never")],
    ] as const) {
      const option = command.options.get(name);
      if (option !== undefined) option.handler = handler;
    }
  }
  root.parse(parsable(words));
}

/**
 * The words without what the parser misreads: it takes the word after `--option=value` for the value, any word with `=` for
 * an option, and completes only short options after a lone dash. The shells match what it prints with the whole word.
 */
function parsable(words: readonly string[]): string[] {
  const [word = ""] = words.slice(-1);
  const last = word === "-" ? "--" : word.replace(/^(?!-)(.*?)=.*$/s, "$1");
  return [...words.slice(0, -1).filter((other) => !/^-.*=/s.test(other)), last];
}

/** The parser knows the commands of the program, and adds a command `complete` of its own in place of ours. */
function parserOf(program: Command) {
  const own = program.commands.findIndex((command) => command.name() === "complete");
  const [complete] = (program.commands as Command[]).splice(own, 1);
  const root = tab(program);
  const shells = complete?.registeredArguments[0]?.argChoices ?? [];
  root.command("complete", complete?.description() ?? "").argument("shell", choices(...shells));
  root.commands.get("help")?.argument("command", choices(...root.commands.keys()));
  for (const command of program.commands) {
    const known = root.commands.get(command.name());
    if (known !== undefined) for (const alias of command.aliases()) root.commands.set(alias, known);
  }
  return root;
}

function choices(...values: readonly string[]) {
  return (complete: Complete) => {
    for (const value of values) complete(value, "");
  };
}

/** Without the engine, which may take its time. */
async function knownAssignments(words: readonly string[]): Promise<readonly PortAssignment[]> {
  try {
    const { registry } = parseArgs({
      args: [...words],
      options: { registry: { type: "string" } },
      strict: false,
    }).values;
    const options = registryOptions(typeof registry === "string" ? { registry } : {});
    return await new PortRegistry({ ...options, engine: false }).listAll();
  } catch {
    // A completion has no place for errors: without a registry there is nothing to complete.
    return [];
  }
}
