import { CommanderError } from "commander";
import { showWarnings } from "../errors/warning.ts";
import { nameProgramAsStarted } from "../settings/command-text.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { createProgram, findCommand } from "./program.ts";
import { endWhenOutputEnds } from "./terminal.ts";

/** Runs the command line and returns the exit code. A command is loaded when it is called, so `--help` loads none. */
export async function main(args: readonly string[]): Promise<number> {
  const isJson = isJsonWanted(args);
  nameProgramAsStarted();
  endWhenOutputEnds(isJson);
  showWarnings((message) => void import("./report-error.ts").then(({ reportWarning }) => reportWarning(message)));
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
    if (args[0] === "complete" && args[1] === "--") {
      await (await import("./completion/completions.ts")).printCompletions(program, args.slice(2));
      return exitCode;
    }
    if (args.includes("run")) (await import("./separator.ts")).checkSeparator(program, args);
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODES.ok;
    const { reportError, reportUsage } = await import("./report-error.ts");
    if (!(error instanceof CommanderError)) return reportError(error, isJson);
    const [word = ""] = args;
    const isHelpful = word !== "help" && findCommand(program, word) !== undefined;
    return reportUsage(complaint, isHelpful ? [word] : [], isJson);
  }
}

/** Works even if the arguments are invalid. Arguments after `--` belong to another command. */
function isJsonWanted(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).includes("--json");
}
