import { spawn } from "node:child_process";
import { once } from "node:events";

const RELEASE = "--release";
/** The time-out of the last message if its output is not read. */
const MESSAGE_MS = 1_000;

/** True in the process that {@link supervise} started. */
export function isSupervised(): boolean {
  return process.argv[2] === RELEASE;
}

/**
 * Runs `script` in a process of its own, and ends with exit code 0 after `timeoutMs` at the latest. A process that is
 * stuck in a loop, in a system call, or in a write that nobody reads cannot enforce its own time limit. Its failure
 * must not fail the job.
 */
export async function supervise(script: string, timeoutMs: number): Promise<void> {
  ignoreSignals();
  const problem = await runNode([...process.execArgv, script, RELEASE], timeoutMs);
  if (problem !== undefined) await print(`${NOT_FINISHED} (${problem})`);
  process.exit(0);
}

/**
 * A machine that shuts down, or a terminal that interrupts or leaves its runner, signals every process. Signals are ignored,
 * because post is the last step that can release the port, and it ends within its time limit anyway.
 */
export function ignoreSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
}

const NOT_FINISHED =
  "The port may not have been released and the container may remain; the next job on this host reclaims both.";

/** Runs Node for a limited time. Undefined if it succeeded, else the reason of its failure. */
async function runNode(args: readonly string[], timeoutMs: number): Promise<string | undefined> {
  try {
    const child = spawn(process.execPath, args, { stdio: "inherit", windowsHide: true });
    const timer = setTimeout(() => void child.kill("SIGKILL"), timeoutMs);
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    clearTimeout(timer);
    if (code === 0) return undefined;
    return signal === null ? `exit code ${code}` : `ended by ${signal}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Printed by another process, because a write to a pipe that is not read may never return. */
async function print(text: string): Promise<void> {
  const script = "process.stdout.on('error', () => {}); console.log('::warning title=iris-ports::' + process.argv[1])";
  await runNode(["-e", script, text], MESSAGE_MS);
}
