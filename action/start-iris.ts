import { setTimeout as delay } from "node:timers/promises";
import type { EngineContainer } from "../src/docker/engine.ts";
import { isNameTaken, isPortRefused } from "../src/docker/engine-error-kinds.ts";
import { ContainerMismatchError, ContainerStartError } from "../src/errors/errors.ts";
import { IRIS_CPF_MERGE_PATH, IRIS_CPF_MERGE_VARIABLE } from "../src/iris/image.ts";
import { differingParts } from "../src/lifecycle/fingerprint.ts";
import { decideStart } from "../src/lifecycle/start-decision.ts";
import type { Acquisition } from "../src/registry/allocation/acquire.ts";
import { entryOf } from "../src/registry/document/edit-document.ts";
import { PortConflictError } from "../src/registry/errors.ts";
import { observeMaker } from "../src/registry/evidence/survey.ts";
import type { JobHolder } from "../src/registry/holder.ts";
import { LABEL_FINGERPRINT } from "../src/registry/labels.ts";
import { ContainerEnv } from "./container-env.ts";
import { copyConfiguration } from "./container-files.ts";
import { createArguments } from "./create-arguments.ts";
import type { IrisInputs } from "./inputs/iris-inputs.ts";
import { irisParts } from "./iris-labels.ts";
import { abortable } from "./job/interruption.ts";
import type { OpenRegistry } from "./open-registry.ts";
import { say } from "./output/log.ts";

const POLL_MS = 100;

/** What is started, for whom, and where. */
export type IrisStart = OpenRegistry & {
  readonly iris: IrisInputs;
  readonly holder: JobHolder;
  readonly hasWebPort: boolean;
  /** Undefined: every address of the engine's host. */
  readonly bindAddress: string | undefined;
  readonly interruption: AbortSignal;
};

/** The container with the assignment's name: made by this start, or found. */
type Found = { readonly containerId: string; readonly isOwn: boolean };

/** A container that runs, though nobody knows yet whether IRIS in it lets anybody in. */
export type RunningIris = {
  readonly acquisition: Acquisition;
  readonly containerId: string;
  /** Made by this start, not joined or started again. */
  readonly isNew: boolean;
};

/**
 * Runs the image on the assigned port; where the engine refuses that port, on the next.
 * @throws PortConflictError when the engine refuses a port that was asked for by number
 * @throws ContainerEngineError, ContainerMismatchError, ContainerStartError, PortExhaustedError
 */
export async function runIris(first: Acquisition, start: IrisStart): Promise<RunningIris> {
  const { registry, holder, hasWebPort } = start;
  const refusedPorts: number[] = [];
  for (let acquisition = first; ; ) {
    const found = await createOrJoin(acquisition, start);
    const { port, projectPath, instance, containerName } = acquisition.assignment;
    if (found === undefined) {
      say(`A container with the name ${containerName} is there that this registry did not make; taking another port.`);
    } else {
      const refusal = await startContainer(found, acquisition, start);
      if (refusal === undefined) return { acquisition, containerId: found.containerId, isNew: found.isOwn };
      say(`The engine refuses port ${port}, so something outside the registry has it: ${refusal}`);
    }
    refusedPorts.push(port);
    const named = instance === undefined ? {} : { instance };
    acquisition = await registry.reassign(projectPath, { ...named, holder, hasWebPort, refusedPorts });
  }
}

/** Undefined when it runs, else how the engine refuses its port; then a container that was made for it is gone. */
async function startContainer(
  { containerId, isOwn }: Found,
  { assignment }: Acquisition,
  { engine, iris, interruption }: IrisStart,
): Promise<string | undefined> {
  const { port, webPort, containerName } = assignment;
  if (isOwn) await copyConfiguration(engine.cli, containerId, iris, interruption);
  const started = await engine.cli.ask(["start", containerId], iris.startTimeoutMs, { signal: interruption });
  if (started.exitCode === 0) return undefined;
  // One that was found holds what others want to keep.
  if (isOwn) await engine.removeContainer(containerId);
  const ports = webPort === undefined ? [port] : [port, webPort];
  if (!isPortRefused(new Error(started.stderr), ports)) throw engine.cli.refusal(started);
  if (isOwn) return started.stderr.trim();
  throw new PortConflictError({
    what: `Port ${port} of the kept container ${containerName} was taken by somebody else while it did not run.`,
    state: started.stderr.trim(),
    remedy: `stop what listens there, or give the container up: docker rm --force ${containerName}`,
    port,
    occupant: { kind: "listener", port, name: "" },
  });
}

/** The container's name is the mutex: the engine lets only one have it. */
async function createOrJoin(acquisition: Acquisition, start: IrisStart): Promise<Found | undefined> {
  const { engine, store, registry, iris, holder, interruption } = start;
  const { assignment, generation } = acquisition;
  const { registryPath } = registry;
  const merge = iris.cpfMerge === undefined ? {} : { [IRIS_CPF_MERGE_VARIABLE]: IRIS_CPF_MERGE_PATH };
  using environment = new ContainerEnv({ ...iris.containerEnv, ...merge });
  const { args, shown } = await createArguments({ ...start, acquisition, registryPath, environment });
  const deadline = performance.now() + iris.startTimeoutMs;
  say(`docker ${shown}`);
  for (;;) {
    interruption.throwIfAborted();
    const created = await engine.cli.ask(args, iris.startTimeoutMs, {
      env: environment.env,
      signal: interruption,
    });
    if (created.exitCode === 0) return { containerId: created.stdout.trim(), isOwn: true };
    if (!isNameTaken(new Error(created.stderr))) throw engine.cli.refusal(created);
    if (performance.now() > deadline) throw stuck(assignment.containerName, iris);
    const found = (await engine.listContainers()).find(({ name }) => name === assignment.containerName);
    if (found === undefined) {
      await delay(POLL_MS);
      continue;
    }
    const holders = entryOf(await store.read(), assignment.projectKey)?.holders ?? [];
    const users = holders.filter(({ id, usesContainer }) => usesContainer && id !== holder.id);
    const others = new Set(users.map(({ id }) => id));
    const maker = await observeMaker(found.labels);
    switch (decideStart({ assignment, generation, registryPath, found, maker, others })) {
      case "move":
        return undefined;
      case "join":
      case "restart":
        await checkMatch(found, iris);
        return { containerId: found.id, isOwn: false };
      case "remove":
        say(`Removing ${found.name} (${found.state}), which an earlier use of the port left behind.`);
        await abortable(engine.removeContainer(found.id), interruption);
        continue;
      default:
        await delay(POLL_MS);
    }
  }
}

/** @throws ContainerMismatchError when the project's container is not what the step asks for */
async function checkMatch({ name, image, labels }: EngineContainer, iris: IrisInputs): Promise<void> {
  const parts = await differingParts(labels[LABEL_FINGERPRINT], irisParts(iris));
  const differences = image === iris.image ? parts : [`image (${image} instead of ${iris.image})`, ...parts];
  if (differences.length === 0) return;
  throw new ContainerMismatchError({
    what: `The project's container ${name} is there already, and was made with another ${differences.join(", ")}.`,
    remedy: `ask for the same, give this use an \`instance\` of its own, or remove it: docker rm --force ${name}`,
    containerName: name,
  });
}

function stuck(containerName: string, { startTimeoutMs }: IrisInputs): ContainerStartError {
  return new ContainerStartError({
    what: `The container ${containerName} did not get into a usable state within ${startTimeoutMs / 1_000} s.`,
    state: "Another process seems to be making, restarting or removing it all the time.",
    remedy: `look at it on the runner (docker inspect ${containerName}), or remove it: docker rm --force ${containerName}`,
  });
}
