import type { Command } from "commander";
import { addCommand, option, PROJECT, type Program, repeated } from "./commands.ts";

/** The commands that run IRIS for projects without JavaScript. */
export function addIrisCommands(context: Program): void {
  const { onExitCode } = context;
  addUp(context);
  addCommand(context, {
    name: "down",
    summary: "shut the project's IRIS down, and remove its container",
    examples: [
      ["iris-ports down", "the working directory's"],
      ["iris-ports down --force", "even while processes or jobs use it"],
    ],
  })
    .argument(...PROJECT)
    .addOption(option.instance())
    .option("--force", "shut it down even while processes or jobs use it")
    .action(async (project, _, command: Command) =>
      (await import("./iris/down.ts")).down(project, command.optsWithGlobals()),
    );
  addCommand(context, {
    name: "status",
    summary: "show whether the project's IRIS runs, and its addresses; exit code 1 if it does not run",
    examples: [
      ["iris-ports status", "the working directory's"],
      ["iris-ports status --json", "for a script"],
    ],
  })
    .argument(...PROJECT)
    .addOption(option.instance())
    .addOption(option.namespace())
    .addOption(option.username())
    .addOption(option.json())
    .action(async (project, _, command: Command) =>
      onExitCode(await (await import("./iris/status.ts")).status(project, command.optsWithGlobals())),
    );
  addCommand(context, {
    name: "logs",
    summary: "show the log of the project's IRIS",
    examples: [
      ["iris-ports logs -f", "until Ctrl-C"],
      ["iris-ports logs --tail 50", "the last lines"],
    ],
  })
    .argument(...PROJECT)
    .addOption(option.instance())
    .option("-f, --follow", "keep showing new output, until Ctrl-C")
    .option("--tail <lines>", "number of lines to show from the end")
    .action(async (project, _, command: Command) =>
      onExitCode(await (await import("./iris/logs.ts")).logs(project, command.optsWithGlobals())),
    );
  addCommand(context, {
    name: "session",
    summary: "open a session in the project's IRIS, or run the script on standard input up to its first error",
    examples: [
      ["iris-ports session SHOP", "interactive"],
      ["iris-ports session SHOP < setup.script", "exit code 1 if IRIS refuses a line"],
    ],
  })
    .argument("[namespace]", "the namespace (default: USER)")
    .addOption(option.project())
    .addOption(option.instance())
    .action(async (name, _, command: Command) =>
      onExitCode(await (await import("./iris/session.ts")).session(name, command.optsWithGlobals())),
    );
  addCommand(context, {
    name: "open",
    summary: "open the Management Portal of the project's IRIS in the browser",
    examples: [
      ["iris-ports open", "the working directory's"],
      ["iris-ports open --print", "only its address"],
    ],
  })
    .argument(...PROJECT)
    .addOption(option.instance())
    .option("--print", "only print the address")
    .action(async (project, _, command: Command) =>
      onExitCode(await (await import("./iris/open.ts")).open(project, command.optsWithGlobals())),
    );
}

function addUp(context: Program): void {
  addCommand(context, {
    name: "up",
    summary: "start or join the project's IRIS, wait until it is ready, and keep it until `down`",
    examples: [
      ["iris-ports up", "Community Edition on the project's port"],
      ["iris-ports up --namespace SHOP --data ./iris-data", "with a namespace, and data that outlives the container"],
    ],
  })
    .argument("[image]", "the image (default: InterSystems IRIS Community Edition)")
    .option("--image <image>", "the image, as an option instead of an argument")
    .addOption(option.project())
    .addOption(option.instance())
    .addOption(option.port())
    .addOption(option.webPort())
    .addOption(option.wait())
    .option("--username <name>", "the user to log in as; created with the role %ALL unless it exists")
    .option("--password-file <file>", "the file with that user's password; - is standard input")
    .option("--namespace <name>", "the namespace; created with its database unless it exists")
    .option("--license-key <file>", "the licence key of IRIS")
    .option("--cpf-merge <file>", "a configuration merge file of IRIS")
    .addOption(
      repeated(
        "--env <name=value>",
        "an environment variable for the container; NAME alone passes on its value from here; may be repeated",
      ),
    )
    .addOption(
      repeated(
        "--container-option <option>",
        "a further option of `docker create`, such as --memory=4g; may be repeated",
      ),
    )
    .option("--data <directory>", "keep the data in this directory of the host")
    .option("--pull <when>", "missing (the default), always or never")
    .option("--start-timeout <duration>", "how long IRIS may take to start (default: 180s)")
    .addOption(option.json())
    .action(async (image, _, command: Command) =>
      context.onExitCode(await (await import("./iris/up.ts")).up(image, command.optsWithGlobals())),
    );
}
