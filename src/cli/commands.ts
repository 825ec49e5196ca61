import { type Command, Option } from "commander";

/** The program to which commands are added. */
export type Program = {
  readonly program: Command;
  /** Receives the exit code of commands that set one. */
  readonly onExitCode: (code: number) => void;
};

/** A command's name, what it does, and two examples. */
type Definition = {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly examples: readonly (readonly [command: string, effect: string])[];
};

/** Adds a command with its help. */
export function addCommand({ program }: Program, { name, aliases = [], summary, examples }: Definition): Command {
  const width = Math.max(...examples.map(([command]) => command.length));
  const lines = examples.map(([command, effect]) => `  ${command.padEnd(width)}  # ${effect}\n`);
  return program
    .command(name)
    .aliases(aliases)
    .description(summary)
    .addHelpText("after", `\nExamples:\n${lines.join("").trimEnd()}`);
}

export const repeated = (flags: string, description: string) =>
  new Option(flags, description).argParser((value: string, before: string[] = []) => [...before, value]);

/** Options that several commands have. */
export const option = {
  json: () => new Option("--json", "print JSON, also for errors"),
  instance: () => new Option("--instance <name>", "a second IRIS of the same project"),
  port: () => new Option("--port <number>", "exactly this port, even outside the range"),
  webPort: () => new Option("--web-port", "also assign a port for the web server, always 50801 above the port"),
  wait: () => new Option("--wait <duration>", "queue for a port when all are taken, e.g. 90s, 5m"),
  namespace: () => new Option("--namespace <name>", "the IRIS namespace (default: USER)"),
  username: () => new Option("--username <name>", "the IRIS user (default: _SYSTEM)"),
  project: () => new Option("--project <path>", "the project's directory (default: the working directory)"),
  yes: () => new Option("-y, --yes", "do not ask"),
};

/** The argument that names a project. */
export const PROJECT = ["[project]", "the project's directory (default: the working directory)"] as const;
