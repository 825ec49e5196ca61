import { spawn } from "node:child_process";

/** How a command ended; `exitCode` is 127 if it could not be started. */
export type CommandResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** Runs a command without a shell, with `input` on its stdin, and never throws for what the command does. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { input?: string; isShown?: boolean; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const output = options.isShown ? "inherit" : "pipe";
    const env = { ...process.env, ...options.env };
    const child = spawn(command, args, { stdio: ["pipe", output, output], env, cwd: options.cwd });
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", (error) => resolve({ exitCode: 127, stdout, stderr: stderr + error.message }));
    child.on("close", (code) => resolve({ exitCode: code ?? 1, stdout, stderr }));
    // A command that ends without reading its input is judged by its exit code alone.
    child.stdin?.on("error", (error: NodeJS.ErrnoException) => (stderr += error.code === "EPIPE" ? "" : error.message));
    child.stdin?.end(options.input ?? "");
  });
}
