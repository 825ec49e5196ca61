import { spawn } from "node:child_process";
import { type CliResult, outsideNpm, resultOf } from "./cli.ts";

type TerminalOptions = {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly columns?: number;
  /** What is typed, once the question is seen. */
  readonly answer?: string;
  readonly question?: string;
};

/**
 * What a line for the shell prints in a terminal of its own, and its exit code. util-linux' script gives it the terminal;
 * other systems' script has other options.
 */
export async function typed(
  command: string,
  { cwd, env = {}, columns = 100, answer, question = "[y/N]" }: TerminalOptions,
): Promise<CliResult> {
  const line = `stty cols ${columns}; ${command}`;
  const child = spawn("script", ["--quiet", "--return", "--command", line, "/dev/null"], {
    cwd,
    // Node takes no CI system that it does not know for one that shows colours.
    env: { ...outsideNpm, TERM: "xterm", CI: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined, ...env },
  });
  if (answer !== undefined) {
    let seen = "";
    child.stdout.on("data", function answerOnce(chunk) {
      seen += chunk;
      if (!seen.includes(question)) return;
      child.stdout.off("data", answerOnce);
      child.stdin.write(answer);
    });
  }
  const result = await resultOf(child);
  return { ...result, stdout: result.stdout.replaceAll("\r\n", "\n") };
}
