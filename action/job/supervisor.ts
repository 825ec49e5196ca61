import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

const WORK = "--supervised";
/** The time-out of the last message if its output is not read. */
const MESSAGE_MS = 1_000;

/** True in the process that {@link supervise} started. */
export function isSupervised(): boolean {
  return process.argv[2] === WORK;
}

/**
 * Runs this program once more in a process of its own, and ends with exit code 0 after `timeoutMs` at the latest. A
 * process cannot keep a time limit of its own when it is stuck in a loop, in a system call, or in writing to a reader
 * that does not read; and no failure of its own may become a failure of the job.
 */
export async function supervise(timeoutMs: number): Promise<void> {
  const args = [...process.execArgv, process.argv[1] as string, WORK];
  const child = spawn(process.execPath, args, { stdio: "inherit", windowsHide: true });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void child.kill(signal));
  const timer = setTimeout(() => void child.kill("SIGKILL"), timeoutMs);
  const problem = await endOf(child);
  clearTimeout(timer);
  if (problem !== undefined) await print(`${NOT_FINISHED} (${problem})`);
  process.exit(0);
}

const NOT_FINISHED =
  "The port may not have been released and the container not removed; the next job on this host does both.";

/** Undefined after a success, else how it ended. */
async function endOf(child: ChildProcess): Promise<string | undefined> {
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    if (code === 0) return undefined;
    return signal === null ? `exit code ${code}` : `ended by ${signal}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Printed by another process, because a write to a pipe that is not read may never return. */
async function print(text: string): Promise<void> {
  const script = "process.stdout.on('error', () => {}); console.log('::warning title=iris-ports::' + process.argv[1])";
  const printer = spawn(process.execPath, ["-e", script, text], { stdio: "inherit", windowsHide: true });
  const timer = setTimeout(() => void printer.kill("SIGKILL"), MESSAGE_MS);
  await endOf(printer);
  clearTimeout(timer);
}
