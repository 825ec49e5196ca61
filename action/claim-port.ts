import type { Acquisition } from "../src/registry/allocation/acquire.ts";
import { entryOf } from "../src/registry/document/edit-document.ts";
import { PortConflictError } from "../src/registry/errors.ts";
import type { JobHolder } from "../src/registry/holder.ts";
import { projectKey } from "../src/registry/project.ts";
import type { Inputs } from "./inputs/inputs.ts";
import { defaultInstance, otherInstance } from "./job/instance.ts";
import type { Interruption } from "./job/interruption.ts";
import { isOfJob, type Job } from "./job/job.ts";
import { type Claim, saveClaim } from "./job/state.ts";
import type { OpenRegistry } from "./open-registry.ts";
import { say, warn } from "./output/log.ts";

const REPORT_EVERY_MS = 15_000;

/** Who asks for a port, and where. */
export type ClaimRequest = OpenRegistry & {
  readonly inputs: Inputs;
  readonly holder: JobHolder;
  readonly claim: Claim;
  readonly interruption: Interruption;
};

/**
 * Takes the project's port for this use of the action. An assignment that another job, or another use in this job, holds
 * is never joined: this use gets another instance. Pods, act and an explicit `project` give the same path to several jobs
 * at once, and all steps inside one composite action look the same.
 * @throws PortConflictError when the workflow names the instance and it is held already
 */
export async function claimPort(request: ClaimRequest): Promise<Acquisition> {
  const { inputs, claim } = request;
  const { job } = inputs;
  const first = inputs.instance ?? defaultInstance(inputs.matrix, job.action);
  const tried: (string | null)[] = [];
  for (let [useNumber, jobNumber] = [1, 1]; ; ) {
    const instance = otherInstance(first, useNumber, jobNumber);
    tried.push(instance ?? null);
    saveClaim({ ...claim, instances: [...tried] });
    const taken = await take(request, instance);
    if ("assignment" in taken) return taken;
    if (inputs.instance !== undefined) throw heldError(taken, job);
    if (isOfJob(job, taken.earlier)) useNumber++;
    else jobNumber++;
  }
}

/** An assignment that is held already, and by whom. */
type Held = { readonly projectKey: string; readonly port: number; readonly earlier: JobHolder };

async function take(request: ClaimRequest, instance: string | undefined): Promise<Acquisition | Held> {
  const { inputs, registry, holder, interruption, claim } = request;
  const which = instance === undefined ? {} : { instance };
  interruption.check();
  try {
    const acquisition = await registry.acquire(claim.projectPath, {
      ...which,
      holder,
      hasWebPort: inputs.hasWebPort,
      ...(inputs.preferredPort === undefined ? {} : { preferredPort: inputs.preferredPort }),
      waitTimeoutMs: inputs.waitTimeoutMs,
      onWarning: warn,
      onWait: reportWaiting(inputs.waitTimeoutMs, interruption.signal),
    });
    const held = await heldBefore(request, acquisition.assignment.projectKey);
    if (held === undefined) return acquisition;
    await registry.releasePort(claim.projectPath, { ...which, holder });
    return held;
  } catch (error) {
    if (!(error instanceof PortConflictError)) throw error;
    // With `preferred-port`, an assignment that is held with another port is refused, not joined.
    const held = await heldBefore(request, projectKey(claim.projectPath, instance));
    if (held === undefined || held.port === inputs.preferredPort) throw error;
    return held;
  }
}

/** The job's use that held the assignment before this one; holders that have ended are no longer in the document. */
async function heldBefore({ store, holder }: ClaimRequest, key: string): Promise<Held | undefined> {
  const entry = entryOf(await store.read(), key);
  if (entry === undefined) return undefined;
  const own = entry.holders.findIndex(({ id }) => id === holder.id);
  const before = own === -1 ? entry.holders : entry.holders.slice(0, own);
  const earlier = before.find((candidate): candidate is JobHolder => candidate.kind === "job");
  return earlier && { projectKey: key, port: entry.assignment.port, earlier };
}

function heldError({ projectKey, port, earlier }: Held, job: Job): PortConflictError {
  const isOwn = isOfJob(job, earlier);
  const who = isOwn ? "an earlier use of this action in this job" : "another job";
  return new PortConflictError({
    what: `Port ${port} of ${projectKey} is held by ${who}: ${earlier.description ?? earlier.id}.`,
    state: "Two users of one server would not notice whose data they read. Nothing was assigned.",
    remedy: isOwn
      ? "give each use an `instance` of its own, or leave that input out."
      : "leave the input `instance` out, or put what tells the jobs apart into it, such as `github.run_id`.",
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
