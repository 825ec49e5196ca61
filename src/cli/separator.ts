import type { Command } from "commander";
import { InvalidArgumentError } from "../errors/errors.ts";
import { shown } from "../settings/checks.ts";
import { commandText } from "../settings/command-text.ts";

/**
 * Without `--`, the options of the command would be read as options of `run`: `run echo --version` would print the version
 * of iris-ports, and run nothing. @throws InvalidArgumentError
 */
export function checkSeparator(program: Command, args: readonly string[]): void {
  const [command, word] = wordsBeforeSeparator(program, args);
  if (command !== "run" || word === undefined) return;
  throw new InvalidArgumentError({
    what: `run needs \`--\` before its command, but ${shown(word)} comes before it.`,
    state: "Nothing was run, and no port was taken.",
    remedy: `put \`--\` between the options of run and the command, e.g. \`${commandText(["run", "--port", "1975", "--", "npm", "test"])}\``,
    argument: "command",
    value: word,
  });
}

function wordsBeforeSeparator(program: Command, args: readonly string[]): string[] {
  const options = [program, ...program.commands.filter((command) => command.name() === "run")].flatMap(
    (command) => command.options,
  );
  const valued = options.filter(({ required }) => required).map(({ long }) => long);
  const separator = args.indexOf("--");
  const before = separator < 0 ? args : args.slice(0, separator);
  return before.filter((word, index) => !word.startsWith("-") && !valued.includes(before[index - 1]));
}
