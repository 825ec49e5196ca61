import { existsSync, readFileSync } from "node:fs";
import type { ProcessIdentity } from "../../src/registry/holder.ts";
import { identifyProcess } from "../../src/registry/host/process-identity.ts";

/**
 * The process that started this step. Read when the module is loaded, before anything else: when the runner dies, its
 * children are handed to another process, which would then be taken for the runner.
 */
const PARENT_PID = process.ppid;

/** True after the process that started this step has ended, so that its result is no longer awaited. */
export function hasRunnerEnded(): boolean {
  return process.ppid !== PARENT_PID;
}

/** The runner's worker process, which lives as long as the job; undefined if it cannot be observed. */
export async function seenWorker(): Promise<ProcessIdentity | undefined> {
  // 0 is outside this pid namespace; 1 adopts orphans; act's parent serves all legs of a run.
  if (PARENT_PID <= 1 || isAct() || isShell(PARENT_PID)) return undefined;
  return identifyProcess(PARENT_PID);
}

/** True under nektos/act, which runs all legs from one process. */
export function isAct(): boolean {
  return process.env["ACT"] === "true";
}

/** Kubernetes' container hooks start every step through a shell of its own, which ends with the step, not the job. */
function isShell(pid: number): boolean {
  const path = `/proc/${pid}/comm`;
  return existsSync(path) && /^(sh|bash|dash|ash|zsh|pwsh)$/.test(readFileSync(path, "utf8").trim());
}
