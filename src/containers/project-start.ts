import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import type { ContainerRuntimeClient, StartedTestContainer } from "testcontainers";
import type { PortAssignment } from "../ports/assignment.ts";
import { ContainerMismatchError, ContainerStartError, PortConflictError } from "../ports/errors.ts";
import { LABEL_CREATOR, LABEL_LIFETIME, LABEL_TENURE } from "../ports/labels.ts";
import { findContainer, type Inspected, removeContainer, removeCreatedBy } from "./engine-containers.ts";
import { isInTheWay, isMissing, isNameTaken, isPortRefused } from "./engine-refusal.ts";
import { decideStart } from "./start-decision.ts";
import type { Tenancy } from "./tenancy.ts";

const debug = createDebug("iris-ports:containers");
const POLL_MS = 25;

/** What a kind of container does at the steps of its start. */
export type StartActions = {
  /** Makes and starts the container on the tenancy's ports and under its name. */
  create(): Promise<StartedTestContainer>;
  /** Waits until a container that runs is ready, harming it in no way. */
  join(container: Inspected): Promise<StartedTestContainer>;
};

/** The container of a project, and whether it was there already. */
export type ProjectContainer = { readonly container: StartedTestContainer; readonly joined: Inspected | undefined };

/**
 * Makes or joins the one container that a tenancy stands for. Any number of starts may do so at once: the engine gives a
 * name to one container only, so one of them makes it and the others join. Whatever fails, nothing is left behind.
 */
export async function startInProject(
  client: ContainerRuntimeClient,
  tenancy: Tenancy,
  actions: StartActions,
  timeoutMs: number,
): Promise<ProjectContainer> {
  const deadline = performance.now() + timeoutMs;
  try {
    for (;;) {
      const started = await nextStep(client, tenancy, actions);
      if (started !== undefined) return started;
      if (performance.now() > deadline) throw stuckError(tenancy.assignment, timeoutMs);
    }
  } catch (error) {
    await giveUp(client, tenancy);
    throw error;
  }
}

/** Leaves nothing behind but what others use, or what was to be kept. */
export async function giveUp(client: ContainerRuntimeClient, tenancy: Tenancy): Promise<void> {
  const { containerName } = tenancy.assignment;
  try {
    const found = await findContainer(client, containerName);
    const labels = found?.Config.Labels ?? {};
    const isKept = labels[LABEL_LIFETIME] === "kept" && labels[LABEL_CREATOR] !== tenancy.holderId;
    const { isLast } = await tenancy.beginLeave(isKept);
    if (isLast && !isKept) {
      await removeCreatedBy(client, tenancy.holderId);
      if (found !== undefined && labels[LABEL_TENURE] === tenancy.tenure) await removeContainer(client, found.Id);
    }
    if (isKept) return;
  } catch (error) {
    // The failure that led here matters more. The next start of the project removes what is left.
    debug("the container %s was not removed: %o", containerName, error);
  }
  await tenancy.release();
}

async function nextStep(
  client: ContainerRuntimeClient,
  tenancy: Tenancy,
  actions: StartActions,
): Promise<ProjectContainer | undefined> {
  const { assignment } = tenancy;
  const found = await findContainer(client, assignment.containerName);
  if (found === undefined) return create(client, tenancy, actions);
  // Only what the registry says after the container was seen can tell whose it is.
  await tenancy.renew();
  if (tenancy.assignment.containerName !== assignment.containerName) return undefined;
  const step = decideStart({
    assignment,
    tenure: tenancy.tenure,
    registryPath: tenancy.registry.registryPath,
    found: { state: found.State.Status, labels: found.Config.Labels },
    others: await tenancy.others(),
  });
  debug("%s is %s: %s", assignment.containerName, found.State.Status, step);
  switch (step) {
    case "join":
      return join(client, found, actions);
    case "restart":
      await restart(client, found, tenancy);
      return undefined;
    case "remove":
      await removeContainer(client, found.Id);
      return undefined;
    case "move":
      await moveAwayFrom(found, tenancy);
      return undefined;
    default:
      await delay(POLL_MS);
      return undefined;
  }
}

async function create(
  client: ContainerRuntimeClient,
  tenancy: Tenancy,
  actions: StartActions,
): Promise<ProjectContainer | undefined> {
  try {
    return { container: await actions.create(), joined: undefined };
  } catch (error) {
    if (isNameTaken(error)) return undefined;
    if (!isPortRefused(error, tenancy.hostPorts)) throw error;
    debug("the engine refuses port %d: %o", tenancy.assignment.port, error);
    // It was created, but could not be started.
    await removeCreatedBy(client, tenancy.holderId);
    await tenancy.move();
    return undefined;
  }
}

/** Undefined where its maker removed it while it was being waited for. */
async function join(
  client: ContainerRuntimeClient,
  found: Inspected,
  actions: StartActions,
): Promise<ProjectContainer | undefined> {
  try {
    return { container: await actions.join(found), joined: found };
  } catch (error) {
    if (error instanceof ContainerMismatchError) throw error;
    const now = await findContainer(client, found.Id);
    if (now?.State.Running && now.State.StartedAt === found.State.StartedAt) throw error;
    debug("%s went away while it was being joined: %o", found.Name, error);
    return undefined;
  }
}

async function restart(client: ContainerRuntimeClient, found: Inspected, tenancy: Tenancy): Promise<void> {
  try {
    await client.container.start(client.container.getById(found.Id));
  } catch (error) {
    if (isMissing(error) || isInTheWay(error)) return;
    if (!isPortRefused(error, tenancy.hostPorts)) throw error;
    const { port, containerName } = tenancy.assignment;
    throw new PortConflictError({
      what: `Port ${port} of the kept container ${containerName} was taken by somebody else while it did not run.`,
      state: error instanceof Error ? error.message : String(error),
      remedy: `stop what listens there, or give the container up: docker rm --force ${containerName}`,
      port,
      occupant: { kind: "listener", port, name: "" },
      cause: error,
    });
  }
}

async function moveAwayFrom(found: Inspected, tenancy: Tenancy): Promise<void> {
  const { containerName, projectKey } = tenancy.assignment;
  try {
    await tenancy.move();
  } catch (cause) {
    if (!(cause instanceof PortConflictError)) throw cause;
    throw new ContainerMismatchError({
      what: `The container ${containerName} has the name that belongs to ${projectKey}, but this registry did not make it.`,
      state: `It is a container of the image ${found.Config.Image}, ${found.State.Status}. Nothing was changed.`,
      remedy: `remove it (docker rm --force ${containerName}), or use withInstance(name) for a container and port of its own`,
      containerName,
      cause,
    });
  }
}

function stuckError({ containerName }: PortAssignment, timeoutMs: number): ContainerStartError {
  return new ContainerStartError({
    what: `The container ${containerName} did not get into a usable state within ${timeoutMs / 1000} s.`,
    state: "Another process seems to be making, restarting or removing it all the time.",
    remedy: `look at it (docker inspect ${containerName}), or remove it: docker rm --force ${containerName}`,
  });
}
