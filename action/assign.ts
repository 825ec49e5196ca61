import type { Acquisition } from "../src/registry/allocation/acquire.ts";
import { claimPort } from "./claim-port.ts";
import { clean } from "./clean.ts";
import { giveBack } from "./give-back.ts";
import { type Inputs, readInputs } from "./inputs/inputs.ts";
import { ensureImage } from "./iris-image.ts";
import { waitUntilReady } from "./iris-readiness.ts";
import { abortable, interruptionSignal } from "./job/interruption.ts";
import { currentJob, holderOf, type Job } from "./job/job.ts";
import { firstReachable, type Reach, reachOf } from "./job/job-network.ts";
import { type Claim, saveClaim, saveOutcome } from "./job/state.ts";
import { type OpenRegistry, openRegistry } from "./open-registry.ts";
import { exportAssignment, exportIris, maskPassword } from "./output/export.ts";
import { say, warn } from "./output/log.ts";
import { reportError } from "./output/report-error.ts";
import { runIris } from "./start-iris.ts";

/** The step: takes a port for the job, starts IRIS on it where an image is given, and tells the steps that follow. */
export async function assign(): Promise<void> {
  const interruption = interruptionSignal();
  try {
    const inputs = readInputs();
    if (inputs.iris !== undefined) maskPassword(inputs.iris);
    const job = currentJob(inputs.jobCheckRunId, inputs.matrix);
    if (job.isInContainer && job.isSelfHosted && !inputs.isRegistryPathGiven) warn(PRIVATE_REGISTRY);
    await startStep(openRegistry({ ...inputs, isInContainer: job.isInContainer }), inputs, job, interruption);
  } catch (error) {
    reportError(error);
  }
}

const PRIVATE_REGISTRY = [
  "This job runs in a container, where HOME is the job's own: its registry is not the one of this host's other jobs.",
  "To fix: mount a directory of the host that all jobs share, and name a file in it:",
  "  container: { image: ..., volumes: ['/srv/iris-ports:/srv/iris-ports'] }",
  "  with: { registry-path: /srv/iris-ports/port-registry.json }",
].join("\n");

async function startStep(open: OpenRegistry, inputs: Inputs, job: Job, interruption: AbortSignal): Promise<void> {
  const { iris } = inputs;
  if (iris !== undefined) {
    // What may take long and needs no port comes before one is taken.
    await ensureImage(open.engine.cli, iris, interruption);
    // The memory of containers that killed jobs left behind is needed for this one.
    await abortable(clean(open.registry), interruption);
  }
  const holder = await holderOf(job, { maxJobMs: inputs.maxJobMs, usesContainer: iris !== undefined });
  const reach = await reachOf(open.engine, job.isInContainer);
  let claim: Claim | undefined;
  const onClaim = (next: Claim) => {
    claim = next;
    saveClaim(next);
  };
  try {
    const acquisition = await claimPort({ ...open, inputs, job, holder, interruption, onClaim });
    interruption.throwIfAborted();
    if (iris === undefined) {
      finish(acquisition, inputs, reach.hosts[0] as string);
    } else {
      await startIn(open, acquisition, { ...inputs, iris }, { holder, reach, interruption });
    }
  } catch (error) {
    // Later steps do not run, so nothing is kept for them.
    if (claim !== undefined) await giveBack(open, claim);
    throw error;
  }
}

type StartOptions = {
  readonly holder: Awaited<ReturnType<typeof holderOf>>;
  readonly reach: Reach;
  readonly interruption: AbortSignal;
};

async function startIn(
  open: OpenRegistry,
  first: Acquisition,
  inputs: Inputs & { readonly iris: NonNullable<Inputs["iris"]> },
  { holder, reach, interruption }: StartOptions,
): Promise<void> {
  const startedAt = performance.now();
  const { iris, hasWebPort } = inputs;
  const { acquisition, containerId } = await runIris(first, {
    ...open,
    iris,
    holder,
    hasWebPort,
    bindAddress: reach.bindAddress,
    interruption,
  });
  const { containerName, port } = acquisition.assignment;
  interruption.throwIfAborted();
  await waitUntilReady(open.engine.cli, { id: containerId, name: containerName }, iris, interruption);
  const startedInMs = performance.now() - startedAt;
  const host = await firstReachable(reach.hosts, port);
  if (host === undefined)
    warn(`IRIS is ready, but port ${port} cannot be reached from here at ${reach.hosts.join(", ")}.`);
  const chosen = host ?? (reach.hosts[0] as string);
  exportIris(acquisition.assignment, inputs, chosen);
  say(`IRIS is ready after ${(startedInMs / 1_000).toFixed(1)} s.`);
  finish(acquisition, inputs, chosen, startedInMs);
}

function finish({ assignment }: Acquisition, inputs: Inputs, host: string, startedInMs?: number): void {
  exportAssignment(assignment, inputs, host);
  saveOutcome({ projectKey: assignment.projectKey, port: assignment.port, startedInMs: startedInMs ?? null });
  say(`${assignment.projectKey} has port ${assignment.port} (${host}:${assignment.port}), in ${inputs.envName}.`);
}
