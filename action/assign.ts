import { showWarnings } from "../src/errors/warning.ts";
import type { Acquisition } from "../src/registry/allocation/request.ts";
import type { PortAssignment } from "../src/registry/assignment.ts";
import type { JobHolder } from "../src/registry/holder.ts";
import { currentProcess } from "../src/registry/host/process-identity.ts";
import { claimPort } from "./claim-port.ts";
import { giveBack, sayGivenBack } from "./give-back.ts";
import { type Inputs, readInputs } from "./inputs/inputs.ts";
import { type IrisInputs, inputsWithoutImage } from "./inputs/iris-inputs.ts";
import { pullImage } from "./iris-image.ts";
import { type Interruption, interruption } from "./job/interruption.ts";
import { holderOf, newHolderId } from "./job/job.ts";
import { checkExposure, jobReach } from "./job/job-reach.ts";
import { isPostDone } from "./job/orphaned-main.ts";
import { hasRunnerEnded, nodeProblem, seenWorker } from "./job/runner.ts";
import { type Claim, saveClaim, saveFailure, saveOutcome } from "./job/state.ts";
import { type OpenRegistry, openRegistry } from "./open-registry.ts";
import { exportAssignment, exportIris, maskSecrets } from "./output/export.ts";
import { fail, say, warn } from "./output/log.ts";
import { codeOf, reportError } from "./output/report-error.ts";
import { startJobIris } from "./start-iris.ts";

/** The main step: assigns a port to the job, starts IRIS on it if there is an image, and exports both to later steps. */
export async function assign(): Promise<void> {
  showWarnings((text) => warn(text));
  const problem = nodeProblem(process.versions.node);
  if (problem !== undefined) return fail(problem, "iris-ports");
  try {
    // Before anything else, because once the runner has died, another process is this one's parent.
    const worker = await seenWorker();
    const inputs = readInputs();
    maskSecrets(inputs);
    warnOfUnusedInputs();
    const { job } = inputs;
    const open = openRegistry({ ...inputs, isInContainer: job.isInContainer });
    const claim = await claimOf(open, inputs);
    saveClaim(claim);
    const { maxJobMs, iris } = inputs;
    const holder = holderOf(job, { id: claim.holderId, worker, maxJobMs, usesContainer: iris !== undefined });
    const interrupted = interruption(() => hasRunnerEnded() || isPostDone(job));
    if (job.hasOwnHome && job.isSelfHosted && !inputs.isRegistryPathGiven) warn(PRIVATE_REGISTRY);
    await startStep({ ...open, inputs, holder, claim, interruption: interrupted });
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

function warnOfUnusedInputs(): void {
  const unused = inputsWithoutImage().map((input) => `\`${input}\``);
  if (unused.length === 0) return;
  warn(
    `No IRIS is started, because the input \`image\` is empty; without it, these inputs have no effect: ${unused.join(", ")}.\n` +
      "To fix: name an image, or leave these inputs out",
  );
}

/** Everything that a step works with. */
type Step = OpenRegistry & {
  readonly inputs: Inputs;
  readonly holder: JobHolder;
  readonly claim: Claim;
  readonly interruption: Interruption;
};

async function claimOf(open: OpenRegistry, inputs: Inputs): Promise<Claim> {
  const { job } = inputs;
  return {
    registryAddress: open.registry.registryAddress,
    portRange: open.registry.portRange,
    projectPath: inputs.project,
    instances: [],
    holderId: newHolderId(job),
    main: await currentProcess(),
    engineAddress: open.engine.knownAddress,
    image: inputs.iris?.image ?? null,
    isInContainer: job.isInContainer,
  };
}

async function startStep(step: Step): Promise<void> {
  const { inputs, interruption: interrupted } = step;
  try {
    // Slow work that needs no port comes before one is assigned.
    if (inputs.iris !== undefined) await pullImage(step.engine.host, inputs.iris, interrupted.signal);
    const acquisition = await claimPort(step);
    interrupted.check();
    if (inputs.iris === undefined) {
      const { hosts } = await jobReach(step.engine, inputs.job.isInContainer);
      finish(acquisition.assignment, step, hosts[0]);
    } else {
      await startIn(step, acquisition, inputs.iris);
    }
    interrupted.check();
  } catch (error) {
    // Later steps do not run, so nothing is kept for them.
    sayGivenBack(await giveBack(step, step.claim, new Set([codeOf(error)])));
    // A failure after a cancellation is its consequence, and is not reported.
    interrupted.check();
    saveFailure(codeOf(error));
    throw error;
  }
}

async function startIn(step: Step, acquisition: Acquisition, iris: IrisInputs): Promise<void> {
  const { inputs, engine, interruption: interrupted } = step;
  const startedAt = performance.now();
  const reach = await jobReach(engine, inputs.job.isInContainer);
  checkExposure(reach, iris);
  const start = { ...step, inputs: { ...inputs, iris }, reach, interruption: interrupted.signal };
  const { assignment, host } = await startJobIris(acquisition, start);
  const startedInMs = performance.now() - startedAt;
  exportIris(assignment, { ...inputs, iris }, host);
  say(`IRIS is ready after ${(startedInMs / 1_000).toFixed(1)} s.`);
  finish(assignment, step, host, startedInMs);
}

function finish(assignment: PortAssignment, { inputs, registry }: Step, host: string, startedInMs?: number): void {
  exportAssignment(assignment, inputs, { host, registryPath: registry.registryPath });
  saveOutcome({ projectKey: assignment.projectKey, port: assignment.port, startedInMs: startedInMs ?? null });
  const { port, projectKey } = assignment;
  say(`Assigned port ${port} (${host}:${port}) to ${projectKey}; later steps read it from ${inputs.envName}.`);
}
