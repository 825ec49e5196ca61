import { resolve } from "node:path";
import type { Acquisition } from "../src/registry/allocation/acquire.ts";
import { entryOf } from "../src/registry/document/edit-document.ts";
import { PortConflictError } from "../src/registry/errors.ts";
import type { JobHolder } from "../src/registry/holder.ts";
import { canonicalProject } from "../src/registry/project.ts";
import type { Inputs } from "./inputs/inputs.ts";
import { defaultInstance, otherInstance } from "./job/instance.ts";
import type { Job } from "./job/job.ts";
import type { Claim } from "./job/state.ts";
import type { OpenRegistry } from "./open-registry.ts";
import { say } from "./output/log.ts";

const REPORT_EVERY_MS = 15_000;

/** Who asks for a port, and where. */
export type ClaimRequest = OpenRegistry & {
  readonly inputs: Inputs;
  readonly job: Job;
  readonly holder: JobHolder;
  readonly interruption: AbortSignal;
  /** Told what is about to be taken, before it is. */
  readonly onClaim: (claim: Claim) => void;
};

/**
 * Takes the project's port for this job. Pods, act and an explicit `project` give the same path to several
 * jobs at once: an assignment that another job holds is never joined, the job gets another instance instead.
 * @throws PortConflictError when the instance was asked for by name and is another job's
 */
export async function claimPort(request: ClaimRequest): Promise<Acquisition> {
  const { inputs, job, registry, holder } = request;
  const project = canonicalProject(resolve(job.workspace, inputs.project ?? "."));
  const first = inputs.instance ?? defaultInstance(inputs.matrix, job.action);
  const tried: (string | null)[] = [];
  for (let attempt = 1; ; attempt++) {
    const instance = attempt === 1 ? first : otherInstance(first, attempt);
    tried.push(instance ?? null);
    request.onClaim({
      registryPath: registry.registryPath,
      portRange: registry.portRange,
      projectPath: project,
      instances: [...tried],
      holderId: holder.id,
      image: inputs.iris?.image ?? null,
      isInContainer: job.isInContainer,
    });
    const acquisition = await registry.acquire(project, {
      ...named(instance),
      holder,
      hasWebPort: inputs.hasWebPort,
      ...(inputs.preferredPort === undefined ? {} : { preferredPort: inputs.preferredPort }),
      waitTimeoutMs: inputs.waitTimeoutMs,
      onWait: reportWaiting(inputs.waitTimeoutMs, request.interruption),
    });
    const other = await earlierJob(request, acquisition);
    if (other === undefined) return acquisition;
    await registry.releasePort(project, { ...named(instance), holder });
    if (inputs.instance !== undefined) throw heldByOtherJob(acquisition, other);
  }
}

/** The job that held the assignment before this one joined it; those that ended are no longer in the document. */
async function earlierJob(request: ClaimRequest, { assignment }: Acquisition): Promise<JobHolder | undefined> {
  const holders = entryOf(await request.store.read(), assignment.projectKey)?.holders ?? [];
  const own = holders.findIndex(({ id }) => id === request.holder.id);
  return holders.slice(0, Math.max(0, own)).find((holder): holder is JobHolder => holder.kind === "job");
}

function heldByOtherJob({ assignment }: Acquisition, other: JobHolder): PortConflictError {
  const { projectKey, port } = assignment;
  return new PortConflictError({
    what: `Port ${port} of ${projectKey} is held by another job: ${other.description ?? other.id}.`,
    state: "Two jobs on one server would not notice whose data they read. Nothing was assigned.",
    remedy:
      "leave the input `instance` out, or put what tells the jobs apart into it, such as `github.run_id`; if that job died unseen, give its port back with `iris-ports release`.",
    port,
    occupant: { kind: "assignment", port, name: projectKey },
  });
}

/** Says when the place in the queue changes, and now and then that it still waits. */
function reportWaiting(timeoutMs: number, signal: AbortSignal) {
  let said: { position: number; atMs: number } | undefined;
  return ({ position, waitedMs }: { position: number; waitedMs: number }) => {
    // Throwing is how a wait is left early; the place in the queue is given up.
    signal.throwIfAborted();
    if (said?.position === position && waitedMs - said.atMs < REPORT_EVERY_MS) return;
    said = { position, atMs: waitedMs };
    const [waited, limit] = [waitedMs, timeoutMs].map((ms) => Math.round(ms / 1_000));
    say(`All ports are taken: place ${position} in the queue, waited ${waited} s of ${limit} s.`);
  };
}

function named(instance: string | undefined) {
  return instance === undefined ? {} : { instance };
}
