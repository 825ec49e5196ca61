import { createRequire } from "node:module";
import { type Argument, Command, Help } from "commander";
import type { Program } from "./commands.ts";
import { EXIT_CODES_HELP } from "./exit-codes.ts";
import { addIrisCommands } from "./iris-commands.ts";
import { addPortCommands } from "./port-commands.ts";
import { addReadingCommands, addUpkeepCommands } from "./upkeep-commands.ts";

/** The definitions of the command line. The code of a command is loaded when it is called. */
export function createProgram(listeners: Omit<Program, "program"> & { onComplaint(text: string): void }): Command {
  const program = new Command("iris-ports")
    .description("Gives every InterSystems IRIS project and CI job on this machine its own stable host port.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .option("--registry <path>", "the registry, a file or a Redis URL (default: ~/.iris-devtester/port-registry.json)")
    .option("--range <first-last>", "the ports to choose from (default: 1972-1981)")
    .addHelpText("after", EXIT_CODES_HELP)
    .configureHelp({ showGlobalOptions: true, subcommandTerm, commandUsage })
    .exitOverride();
  // Commands that are added later inherit these settings.
  program.configureOutput({ outputError: listeners.onComplaint });
  const context = { ...listeners, program };
  program.commandsGroup("Ports:");
  addPortCommands(context);
  program.commandsGroup("IRIS:");
  addIrisCommands(context);
  program.commandsGroup("Show:");
  addReadingCommands(context);
  program.commandsGroup("Maintenance:");
  addUpkeepCommands(context);
  addHelpCommand(program);
  return program;
}

/** Like commander's own, which however prints all help for a command that does not exist. */
function addHelpCommand(program: Command): void {
  program
    .helpCommand(false)
    .command("help")
    .description("print a command's help")
    .argument("[command]")
    .action((name?: string) => {
      const command = name === undefined ? program : findCommand(program, name);
      if (command === undefined) program.error(`error: unknown command '${name}'`);
      command.help();
    });
}

/** The command with this name or alias. */
export function findCommand({ commands }: Command, name: string): Command | undefined {
  return commands.find((command) => [command.name(), ...command.aliases()].includes(name));
}

/** Without the alias, which the list of commands has. */
function commandUsage(command: Command): string {
  return new Help().commandUsage(command).replace(/\|\S+/, "");
}

/** Every alias, and no options, which each command's own help has. */
function subcommandTerm(command: Command): string {
  const names = [command.name(), ...command.aliases()].join(", ");
  const args = command.name() === "run" ? ["-- <command...>"] : new Help().visibleArguments(command).map(argumentTerm);
  return [names, ...args].join(" ");
}

function argumentTerm(argument: Argument): string {
  return argument.required ? `<${argument.name()}>` : `[${argument.name()}]`;
}

/** Found by the package's own name, because src/ and dist/lib/ have different depths. */
function version(): string {
  return (createRequire(import.meta.url)("iris-ports/package.json") as { version: string }).version;
}
