import { untilAborted } from "../src/errors/deadline.ts";
import type { Acquisition } from "../src/registry/allocation/request.ts";
import type { ListedAssignment } from "../src/registry/assignment.ts";
import { PortConflictError } from "../src/registry/errors.ts";
import type { Holder, JobHolder } from "../src/registry/holder.ts";
import { releaseIfAssigned } from "../src/registry/release-if-assigned.ts";
import { clean } from "./clean.ts";
import type { Inputs } from "./inputs/inputs.ts";
import { defaultInstance, otherInstance } from "./job/instance.ts";
import type { Interruption } from "./job/interruption.ts";
import { isOfJob, type Job } from "./job/job.ts";
import { type Claim, saveClaim } from "./job/state.ts";
import type { OpenRegistry } from "./open-registry.ts";
import { say } from "./output/log.ts";

const REPORT_EVERY_MS = 15_000;

/** The requesting use of the action, and the registry. */
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
    const taken = await takeFromDead(request, instance);
    if ("assignment" in taken) return taken;
    if (inputs.instance !== undefined) throw heldError(taken, "instance", job);
    if (isOfJob(job, taken.earlier)) useNumber++;
    else jobNumber++;
  }
}

/** An existing assignment and its holder. */
type Held = { readonly projectKey: string; readonly port: number; readonly earlier: JobHolder };

/** An existing assignment is joined without asking the engine, which alone can tell that the container of a job is gone. */
async function takeFromDead(request: ClaimRequest, instance: string | undefined): Promise<Acquisition | Held> {
  const taken = await take(request, instance);
  if ("assignment" in taken || taken.earlier.container === undefined) return taken;
  await untilAborted(clean(request.registry), request.interruption.signal);
  return take(request, instance);
}

async function take(request: ClaimRequest, instance: string | undefined): Promise<Acquisition | Held> {
  const { inputs, registry, holder, interruption, claim } = request;
  interruption.check();
  try {
    const acquisition = await registry.acquire(claim.projectPath, {
      instance,
      holder,
      hasWebPort: inputs.hasWebPort,
      preferredPort: inputs.preferredPort,
      waitTimeoutMs: inputs.waitTimeoutMs,
      // A container left by a killed job would answer on the port, and takes memory that this job needs.
      cleanFirst: () => untilAborted(clean(registry), interruption.signal),
      onWait: reportWaiting(inputs.waitTimeoutMs, interruption.signal),
    });
    const earlier = acquisition.earlierHolders.find(isJob);
    if (earlier === undefined) return acquisition;
    await releaseIfAssigned(registry, claim.projectPath, { instance, holder });
    return { ...acquisition.assignment, earlier };
  } catch (error) {
    if (!(error instanceof PortConflictError)) throw error;
    // With `preferred-port`, an assignment that is held with another port is refused, not joined.
    const own = heldIn(await registry.inspect(claim.projectPath, { instance }));
    if (own !== undefined && own.port !== inputs.preferredPort) return own;
    const { occupant } = error;
    const occupying = (await registry.listAll()).find(({ projectKey }) => projectKey === occupant.name);
    const other = occupant.kind === "assignment" ? heldIn(occupying) : undefined;
    throw other === undefined ? error : heldError({ ...other, port: occupant.port }, "preferred-port", inputs.job);
  }
}

function heldIn(listed: ListedAssignment | undefined): Held | undefined {
  const earlier = listed?.holders.find(isJob);
  return listed === undefined || earlier === undefined ? undefined : { ...listed, earlier };
}

function isJob(holder: Holder): holder is JobHolder {
  return holder.kind === "job";
}

/** @param input the input that demands what another use holds */
function heldError({ projectKey, port, earlier }: Held, input: string, job: Job): PortConflictError {
  const isOwn = isOfJob(job, earlier);
  const who = isOwn ? "an earlier use of this action in this job" : "another job";
  return new PortConflictError({
    what: `Port ${port} of ${projectKey} is held by ${who}: ${earlier.description ?? earlier.id}.`,
    state: "Two users of one port would read and write each other's data without noticing. Nothing was assigned.",
    remedy: isOwn
      ? `give each use another \`${input}\`, or leave that input out`
      : `leave the input \`${input}\` out, or make it different in every job`,
    port,
    occupant: { kind: "assignment", port, name: projectKey },
  });
}

/** Reports changes of the place in the queue and, from time to time, that it still waits. */
function reportWaiting(timeoutMs: number, signal: AbortSignal) {
  let said: { position: number; atMs: number } | undefined;
  return ({ position, waitedMs }: { position: number; waitedMs: number }) => {
    // Throwing ends a wait early and gives up the place in the queue.
    signal.throwIfAborted();
    if (said?.position === position && waitedMs - said.atMs < REPORT_EVERY_MS) return;
    said = { position, atMs: waitedMs };
    const [waited, limit] = [waitedMs, timeoutMs].map((ms) => Math.round(ms / 1_000));
    say(`All ports are taken: place ${position} in the queue, waited ${waited} s of ${limit} s.`);
  };
}
