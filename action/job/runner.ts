import { existsSync, readFileSync } from "node:fs";
import type { ProcessIdentity } from "../../src/registry/holder.ts";
import { identifyProcess } from "../../src/registry/host/process-identity.ts";

/**
 * The process that started this step. Read when the module is loaded, before anything else: when the runner dies, its
 * children get another parent process, which would then be mistaken for the runner.
 */
const PARENT_PID = process.ppid;

/** True after the process that started this step has ended, so that its result is no longer awaited. */
export function hasRunnerEnded(): boolean {
  return process.ppid !== PARENT_PID;
}

/**
 * The runner's worker process, which lives as long as the job; undefined if it cannot be observed. That of act lives as
 * long as all jobs of its run.
 */
export async function seenWorker(): Promise<ProcessIdentity | undefined> {
  // 0 is outside this pid namespace; 1 adopts orphans; Gitea's and Forgejo's runner outlives its jobs.
  if (PARENT_PID <= 1 || isForge() || isShell(PARENT_PID)) return undefined;
  return identifyProcess(PARENT_PID);
}

/** True under the runners of Gitea and Forgejo. */
function isForge(): boolean {
  return process.env["GITEA_ACTIONS"] === "true" || process.env["FORGEJO_ACTIONS"] === "true";
}

const LOWEST_NODE = 22;

/** Says that this Node is too old; undefined if it is not. */
export function nodeProblem(version: string): string | undefined {
  if (Number.parseInt(version, 10) >= LOWEST_NODE) return undefined;
  return [
    `This action needs Node 24, and the runner started it with Node ${version}.`,
    "act and the runners of Gitea and Forgejo take the `node` of the host or of the job's image, whatever an action asks for.",
    "To fix: put Node 24 first on the PATH of the runner, or choose a job image that has it",
  ].join("\n");
}

/** Kubernetes' container hooks start every step through a shell of its own, which ends with the step, not the job. */
function isShell(pid: number): boolean {
  const path = `/proc/${pid}/comm`;
  return existsSync(path) && /^(sh|bash|dash|ash|zsh|pwsh)$/.test(readFileSync(path, "utf8").trim());
}
