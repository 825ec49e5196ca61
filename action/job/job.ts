import { createHash, randomBytes } from "node:crypto";
import { isInHostNetwork } from "../../src/lifecycle/reach.ts";
import { type JobHolder, jobHolder, type ProcessIdentity } from "../../src/registry/holder.ts";
import { logText } from "../output/log.ts";

/** The job of this step, as the runner describes it. */
export type Job = {
  /** Identifies the job: the same in each of its steps, in main and in post, and in no other job at the same time. */
  readonly id: string;
  /** `GITHUB_ACTION`: the name of the step; all steps inside one composite action share it. */
  readonly action: string;
  readonly workspace: string;
  /** A description to print. */
  readonly description: string;
  /** The job runs in a container (`container:`): HOME and processes are not the host's. */
  readonly hasOwnHome: boolean;
  /** In such a container, and in a network of its own, so that its loopback address is not the host's either. */
  readonly isInContainer: boolean;
  /** A runner that may serve other jobs after this one, from the same registry. */
  readonly isSelfHosted: boolean;
};

/** Reads the runner's variables. @see https://docs.github.com/actions/reference/workflows-and-actions/variables */
export function currentJob(checkRunId: string | undefined, matrix: unknown): Job {
  const env = (name: string) => process.env[name] ?? "";
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
  // The parent is outside a job container, and GitHub's runner mounts its directories there.
  const hasOwnHome = process.ppid === 0 || env("GITHUB_WORKSPACE").startsWith("/__w/");
  return {
    id: `job:${createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 24)}`,
    action: env("GITHUB_ACTION"),
    workspace: env("GITHUB_WORKSPACE") || process.cwd(),
    description: logText(description.filter(Boolean).join(" ")).slice(0, 200),
    hasOwnHome,
    isInContainer: hasOwnHome && !isInHostNetwork(),
    isSelfHosted: env("RUNNER_ENVIRONMENT") !== "github-hosted",
  };
}

/**
 * The holder id of one use of the action. The runner gives two uses inside one composite action the same variables, so
 * each main makes an id of its own, and hands it to its post in the step's state.
 */
export function newHolderId(job: Job): string {
  return `${job.id}.${randomBytes(6).toString("hex")}`;
}

/** True for a holder that is a use of the action in this job. */
export function isOfJob(job: Job, holder: JobHolder): boolean {
  return holder.id.startsWith(`${job.id}.`);
}

/**
 * The job as a holder: it lives as long as its worker process. If that process cannot be observed, by this step or by later
 * users of the registry, it lives until `maxJobMs` from now.
 */
export function holderOf(
  job: Job,
  options: {
    readonly id: string;
    readonly worker: ProcessIdentity | undefined;
    readonly maxJobMs: number;
    readonly usesContainer: boolean;
  },
): JobHolder {
  const { id, worker } = options;
  return jobHolder({
    id,
    description: job.description,
    ...(options.usesContainer ? { usesContainer: true } : {}),
    ...(worker === undefined ? {} : { process: worker }),
    expiresAt: new Date(Date.now() + options.maxJobMs),
  });
}
