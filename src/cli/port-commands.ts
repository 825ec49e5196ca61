import { type Command, Option } from "commander";
import { addCommand, option, PROJECT, type Program, repeated } from "./commands.ts";

/** The commands that assign, print and release ports. */
export function addPortCommands(context: Program): void {
  const { onExitCode } = context;
  addCommand(context, {
    name: "assign",
    summary: "assign a port to a project, until it is released",
    examples: [
      ["iris-ports assign", "a port for the working directory"],
      ["port=$(iris-ports assign -q --for-pid $$)", "for as long as this script runs"],
    ],
  })
    .argument(...PROJECT)
    .addOption(option.port())
    .addOption(option.webPort())
    .addOption(option.instance())
    .addOption(option.wait())
    .option("--for-pid <pid>", "hold the port until this process ends, e.g. $$")
    .option("--ttl <duration>", "hold the port for this long at most, e.g. 2h")
    .addOption(option.json())
    .option("-q, --quiet", "print only the port")
    .action(async (project, _, command: Command) =>
      (await import("./assign.ts")).assign(project, command.optsWithGlobals()),
    );
  addCommand(context, {
    name: "port",
    summary: "print the port that a project has",
    examples: [
      ["iris-ports port", "the working directory's"],
      ["iris-ports port -q /srv/shop || echo none", "the exit code says whether there is one"],
    ],
  })
    .argument(...PROJECT)
    .addOption(option.instance())
    .addOption(option.json())
    .option("-q, --quiet", "print only the port, or nothing if there is none")
    .action(async (project, _, command: Command) =>
      onExitCode(await (await import("./port.ts")).port(project, command.optsWithGlobals())),
    );
  addEnv(context);
  addCommand(context, {
    name: "run",
    summary: "run a command with a port in IRIS_PORT, and release the port when the command ends",
    examples: [
      ["iris-ports run -- npm test", "with a port of its own"],
      ["iris-ports run --wait 10m -- pytest", "in a CI job that may have to queue"],
    ],
  })
    .usage("[options] -- <command> [args...]")
    .argument("<command...>")
    .addOption(option.project())
    .addOption(option.port())
    .addOption(option.webPort())
    .addOption(option.instance())
    .addOption(option.wait())
    .action(async (words, _, command: Command) =>
      onExitCode(await (await import("./run.ts")).run(words, command.optsWithGlobals())),
    );
  addCommand(context, {
    name: "release",
    summary: "release a project's port",
    examples: [
      ["iris-ports release", "the working directory's"],
      ["iris-ports release /srv/shop --force", "even while processes or jobs use it"],
    ],
  })
    .argument(...PROJECT)
    .addOption(option.instance())
    .option("--force", "release it even while processes or jobs use it")
    .addOption(option.json())
    .action(async (project, _, command: Command) =>
      (await import("./release.ts")).release(project, command.optsWithGlobals()),
    );
}

function addEnv(context: Program): void {
  addCommand(context, {
    name: "env",
    summary: "print a project's port for tools to read, or write it into their files; assigns one if there is none",
    examples: [
      ['eval "$(iris-ports env)"', "sets IRIS_PORT and the other variables in this shell"],
      ["iris-ports env --write .env --write .vscode/settings.json", "for docker compose and VS Code"],
    ],
  })
    .argument(...PROJECT)
    .addOption(new Option("--format <format>", "shell (the default), dotenv, json, vscode or toml"))
    .addOption(
      repeated("--write <file>", "write the variables into this file, and keep its other lines; may be repeated"),
    )
    .option("--check", "change nothing; exit code 1 if a file, by default .env, is out of date")
    .option("--force", "turn other lines of the file that set the same names into comments")
    .addOption(option.port())
    .addOption(option.webPort())
    .option("--no-web-port", "assign no port for the web server (default: assign one if possible)")
    .addOption(option.instance())
    .addOption(option.wait())
    .addOption(option.namespace())
    .addOption(option.username())
    .action(async (project, _, command: Command) =>
      context.onExitCode(await (await import("./env/env.ts")).env(project, command.optsWithGlobals())),
    );
}
