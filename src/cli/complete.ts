import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import type { PortAssignment } from "../registry/assignment.ts";
import { PortRegistry } from "../registry/registry.ts";

/** Whatever completes a word: a value, and a word about it. */
type Complete = (value: string, description: string) => void;

/**
 * `iris-ports complete`: the scripts for bash, zsh, fish and PowerShell, and what they ask for. Projects and instances
 * come from the registry.
 */
export async function addCompletion(program: Command, args: readonly string[]): Promise<void> {
  (program.commands as Command[]).splice(
    program.commands.findIndex((command) => command.name() === "complete"),
    1,
  );
  const root = tab(program);
  // Only a shell's question needs the registry; it is asked after `--`.
  if (args[1] !== "--") return;
  const assignments = await knownAssignments();
  const projects = (complete: Complete) => {
    for (const { projectPath, port } of assignments) complete(projectPath, `port ${port}`);
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
    ] as const) {
      const option = command.options.get(name);
      if (option !== undefined) option.handler = handler;
    }
  }
}

function choices(...values: readonly string[]) {
  return (complete: Complete) => {
    for (const value of values) complete(value, "");
  };
}

/** Without the engine, which may take its time. */
async function knownAssignments(): Promise<readonly PortAssignment[]> {
  try {
    return await new PortRegistry({ engine: false }).listAll();
  } catch {
    // A completion has no place for errors: without a registry there is nothing to complete.
    return [];
  }
}
