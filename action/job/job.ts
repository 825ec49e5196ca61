import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { type JobHolder, jobHolder, type ProcessIdentity } from "../../src/registry/holder.ts";
import { identifyProcess, UNKNOWN } from "../../src/registry/host/process-identity.ts";
import { logText } from "../output/log.ts";

/** What the runner says about the job that this step belongs to. */
export type Job = {
  /** Nobody else's at the same time, and the same in main and post; this use of the action included. */
  readonly id: string;
  readonly action: string;
  readonly workspace: string;
  /** For people. */
  readonly description: string;
  /** The job runs in a container (`container:`): HOME, loopback and processes are not the host's. */
  readonly isInContainer: boolean;
  /** A runner that may serve other jobs after this one, from the same registry. */
  readonly isSelfHosted: boolean;
};

/** Reads the runner's variables. @see https://docs.github.com/actions/reference/workflows-and-actions/variables */
export function currentJob(checkRunId: string | undefined, matrix: unknown): Job {
  const env = (name: string) => process.env[name] ?? "";
  const action = env("GITHUB_ACTION");
  const identity = [
    ["tracking", /^github_[\w-]+$/.test(env("RUNNER_TRACKING_ID")) ? env("RUNNER_TRACKING_ID") : ""],
    ["check-run", checkRunId ?? ""],
  ].find(([, value]) => value !== "") ?? [
    "leg",
    ...["GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "RUNNER_NAME", "RUNNER_TEMP"].map(
      env,
    ),
    JSON.stringify(matrix ?? null),
  ];
  const run = [env("GITHUB_RUN_NUMBER"), env("GITHUB_RUN_ATTEMPT")].filter(Boolean).join(".");
  const description = [
    env("GITHUB_REPOSITORY"),
    `${env("GITHUB_WORKFLOW")}/${env("GITHUB_JOB")}`,
    run && `run ${run}`,
    env("RUNNER_NAME") && `on ${env("RUNNER_NAME")}`,
  ];
  return {
    id: `job:${createHash("sha256")
      .update(JSON.stringify([identity, action]))
      .digest("hex")
      .slice(0, 24)}`,
    action,
    workspace: env("GITHUB_WORKSPACE") || process.cwd(),
    description: logText(description.filter(Boolean).join(" ")).slice(0, 200),
    // The runner mounts a job container's directories there; act's containers share the host's network.
    isInContainer: !isAct() && (process.ppid === 0 || env("GITHUB_WORKSPACE").startsWith("/__w/")),
    isSelfHosted: env("RUNNER_ENVIRONMENT") !== "github-hosted",
  };
}

/** The job as a holder: it lives as long as its worker process, or until `maxJobMs` from now where none is seen. */
export async function holderOf(
  job: Job,
  options: { readonly maxJobMs: number; readonly usesContainer: boolean },
): Promise<JobHolder> {
  const worker = await seenWorker();
  const isProvable = worker !== undefined && worker.startTime !== UNKNOWN;
  return jobHolder({
    id: job.id,
    description: job.description,
    ...(options.usesContainer ? { usesContainer: true } : {}),
    ...(worker === undefined ? {} : { process: worker }),
    ...(isProvable ? {} : { expiresAt: new Date(Date.now() + options.maxJobMs) }),
  });
}

/** The runner's process for this job: the parent of every action's. */
async function seenWorker(): Promise<ProcessIdentity | undefined> {
  const { ppid } = process;
  // 0 is outside this pid namespace; 1 is what adopts orphans; act's parent serves all legs of a run.
  if (ppid <= 1 || isAct() || isShell(ppid)) return undefined;
  return identifyProcess(ppid);
}

/** Kubernetes' container hooks start every step through a shell of its own, which says nothing about the job. */
function isShell(pid: number): boolean {
  const path = `/proc/${pid}/comm`;
  return existsSync(path) && /^(sh|bash|dash|ash|zsh|pwsh)$/.test(readFileSync(path, "utf8").trim());
}

function isAct(): boolean {
  return process.env["ACT"] === "true";
}
