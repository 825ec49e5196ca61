import { createRequire } from "node:module";
import { Command, CommanderError, Help } from "commander";
import { EXIT_CODES, EXIT_CODES_HELP } from "./exit-codes.ts";
import { endWhenOutputEnds } from "./terminal.ts";

/** Runs the command line and returns the exit code. Commands are loaded when they are called: `--help` needs none. */
export async function main(args: readonly string[]): Promise<number> {
  endWhenOutputEnds();
  let exitCode: number = EXIT_CODES.ok;
  let complaint = "";
  const program = createProgram({
    onExitCode: (code) => {
      exitCode = code;
    },
    onComplaint: (text) => {
      complaint = text;
    },
  });
  try {
    if (args.includes("run")) (await import("./separator.ts")).checkSeparator(program, args);
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODES.ok;
    const { reportError, reportUsage } = await import("./report-error.ts");
    return error instanceof CommanderError ? reportUsage(complaint) : reportError(error);
  }
}

type Listeners = { onExitCode(code: number): void; onComplaint(text: string): void };

function createProgram({ onExitCode, onComplaint }: Listeners): Command {
  const program = new Command("iris-ports")
    .description("A stable host port for every InterSystems IRIS project and CI job on this machine.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help, or a command's")
    .option("--registry <path>", "the registry's document (default: ~/.iris-devtester/port-registry.json)")
    .option("--range <first-last>", "the ports to choose from (default: 1972-1981)")
    .addHelpText("after", EXIT_CODES_HELP)
    .configureHelp({ showGlobalOptions: true, subcommandTerm })
    .exitOverride();
  // Commands that are added inherit what is set by now.
  program.configureOutput({ outputError: onComplaint });

  const json = ["--json", "print JSON"] as const;
  const instance = ["--instance <name>", "a second IRIS of the same project"] as const;
  const port = ["--port <number>", "this very port, also outside the range"] as const;
  const wait = ["--wait <seconds>", "queue for a port when all are taken"] as const;

  program
    .command("list")
    .description("who has which port")
    .option(...json)
    .action(async (_, command: Command) => (await import("./list.ts")).list(command.optsWithGlobals()));
  program
    .command("inspect")
    .description("one assignment, its holders, and the evidence that it is alive")
    .argument("[project]", "its directory (default: the working directory)")
    .option(...instance)
    .option(...json)
    .action(async (project, _, command: Command) =>
      (await import("./inspect.ts")).inspect(project, command.optsWithGlobals()),
    );
  program
    .command("assign")
    .description("take a port for a project, until it is released")
    .argument("[project]", "its directory (default: the working directory)")
    .option(...port)
    .option(...instance)
    .option(...wait)
    .option(...json)
    .option("-q, --quiet", "print only the port")
    .action(async (project, _, command: Command) =>
      (await import("./assign.ts")).assign(project, command.optsWithGlobals()),
    );
  program
    .command("release")
    .description("give a project's port back")
    .argument("[project]", "its directory (default: the working directory)")
    .option(...instance)
    .option(...json)
    .action(async (project, _, command: Command) =>
      (await import("./release.ts")).release(project, command.optsWithGlobals()),
    );
  program
    .command("run")
    .description("run a command with a port in IRIS_PORT, and give the port back when it ends")
    .usage("[options] -- <command> [args...]")
    .argument("<command...>")
    .option("--project <path>", "the project's directory (default: the working directory)")
    .option(...port)
    .option(...instance)
    .option(...wait)
    .action(async (words, _, command: Command) =>
      onExitCode(await (await import("./run.ts")).run(words, command.optsWithGlobals())),
    );
  program
    .command("clean")
    .description("remove assignments that nothing speaks for any more")
    .option(...json)
    .action(async (_, command: Command) => (await import("./clean.ts")).clean(command.optsWithGlobals()));
  program
    .command("clear")
    .description("give every port back")
    .option("-y, --yes", "do not ask")
    .option(...json)
    .action(async (_, command: Command) =>
      onExitCode(await (await import("./clear.ts")).clear(command.optsWithGlobals())),
    );
  program
    .command("doctor")
    .description("what is wrong with the registry, and how to fix it")
    .option("--repair", "put it right: rebuild a lost document from the containers")
    .option("--without-engine", "repair also where no container can be asked for")
    .option("-y, --yes", "do not ask")
    .option(...json)
    .action(async (_, command: Command) =>
      onExitCode(await (await import("./doctor.ts")).doctor(command.optsWithGlobals())),
    );
  return program;
}

function subcommandTerm(command: Command): string {
  return command.name() === "run" ? "run [options] -- <command...>" : new Help().subcommandTerm(command);
}

/** By the package's own name, because src/ and dist/lib/ are not equally deep. */
function version(): string {
  return (createRequire(import.meta.url)("iris-ports/package.json") as { version: string }).version;
}
