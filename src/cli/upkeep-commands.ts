import { Argument, type Command } from "commander";
import { addCommand, option, PROJECT, type Program, repeated } from "./commands.ts";

/** The commands that show the registry. */
export function addReadingCommands(context: Program): void {
  addCommand(context, {
    name: "list",
    aliases: ["ls", "ps"],
    summary: "show every assignment, its holders, and the queue",
    examples: [
      ["iris-ports list --watch", "until Ctrl-C"],
      ["iris-ports list --filter status=stale --json", "for a script"],
    ],
  })
    .option("--wide", "also show web port, image and all holders")
    .addOption(
      repeated(
        "--filter <key=value>",
        "show only matches; keys: project, instance, port, type, status, holder, container; may be repeated",
      ),
    )
    .option("--watch", "refresh the list every second, until Ctrl-C")
    .option("--all", "show every pool of a Redis server, one for each container engine")
    .option("-q, --quiet", "print only the ports")
    .addOption(option.json())
    .action(async (_, command: Command) => {
      const options = command.optsWithGlobals();
      if (options.all) return (await import("./list-pools.ts")).listPools(options);
      return (await import("./list.ts")).list(options);
    });
  addCommand(context, {
    name: "inspect",
    summary: "show one assignment, its addresses, its holders, and the evidence that it is in use",
    examples: [
      ["iris-ports inspect", "the working directory's"],
      ["iris-ports inspect /srv/shop --json", "for a script"],
    ],
  })
    .argument(...PROJECT)
    .addOption(option.instance())
    .addOption(option.json())
    .action(async (project, _, command: Command) =>
      (await import("./inspect.ts")).inspect(project, command.optsWithGlobals()),
    );
}

/** The commands that keep the registry in order. */
export function addUpkeepCommands(context: Program): void {
  const { onExitCode } = context;
  addCommand(context, {
    name: "clean",
    aliases: ["prune"],
    summary: "remove stale assignments, and containers whose holders are gone",
    examples: [
      ["iris-ports clean", "safe at any time"],
      ["iris-ports clean --json", "for a script"],
    ],
  })
    .addOption(option.json())
    .action(async (_, command: Command) => (await import("./clean.ts")).clean(command.optsWithGlobals()));
  addCommand(context, {
    name: "clear",
    summary: "release every port, in use or not",
    examples: [
      ["iris-ports clear", "asks first"],
      ["iris-ports clear --yes", "in a script"],
    ],
  })
    .addOption(option.yes())
    .addOption(option.json())
    .action(async (_, command: Command) =>
      onExitCode(await (await import("./clear.ts")).clear(command.optsWithGlobals())),
    );
  addCommand(context, {
    name: "doctor",
    summary: "check the registry and everything it depends on",
    examples: [
      ["iris-ports doctor", "changes nothing"],
      ["iris-ports doctor --repair", "rebuild a lost document from the containers"],
    ],
  })
    .option("--repair", "repair what can be repaired")
    .option("--without-engine", "repair even if no container engine answers")
    .option("--force", "replace even a file that never was a registry; its bytes are kept")
    .addOption(option.yes())
    .addOption(option.json())
    .action(async (_, command: Command) =>
      onExitCode(await (await import("./doctor.ts")).doctor(command.optsWithGlobals())),
    );
  addCommand(context, {
    name: "complete",
    summary: "print the completion script of a shell",
    examples: [
      ["source <(iris-ports complete bash)", "in ~/.bashrc"],
      ["iris-ports complete fish | source", "in config.fish"],
    ],
  })
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish", "powershell"]))
    .action(async (shell) => (await import("./completion/complete.ts")).complete(shell));
}
