import type { ContainerEngine, EngineContainer } from "../../docker/engine.ts";
import { engineError } from "../../docker/engine-error.ts";
import { ContainerEngineError, ContainerMismatchError } from "../../errors/errors.ts";
import { warn } from "../../errors/warning.ts";
import { inUseError, releaseCommand } from "../../registry/allocation/assignment-errors.ts";
import type { PortAssignment } from "../../registry/assignment.ts";
import { type Holder, uniqueProcessHolder } from "../../registry/holder.ts";
import { LABEL_REGISTRY } from "../../registry/labels.ts";
import { identifyProject, type ProjectIdentity } from "../../registry/project.ts";
import { releaseIfAssigned } from "../../registry/release-if-assigned.ts";
import { plainText } from "../../text/plain-text.ts";
import { enclosingProject, enclosingText } from "../enclosing-project.ts";
import { standardOutput } from "../terminal.ts";
import { type FoundIris, findIris, type IrisOptions, isMadeForProject, type OpenIris, openIris } from "./open-iris.ts";
import { stopRemedy } from "./stop-remedy.ts";
import { upHolder } from "./up-holder.ts";

/** IRIS shuts down in seconds; a large one takes longer. */
const STOP_SECONDS = 60;
const REMOVE_TIMEOUT_MS = 120_000;

/**
 * `iris-ports down`: shuts the project's IRIS down, removes its container, and releases the port unless it has other
 * holders. A project without a container is not an error.
 * @throws PortConflictError while processes or jobs use it, unless `force`
 * @throws ContainerMismatchError when the container was not made by iris-ports
 */
export async function down(project: string | undefined, options: IrisOptions & { force?: boolean }): Promise<void> {
  const open = openIris(options);
  const identity = identifyProject(project, options.instance);
  const say = (text: string) => standardOutput().write(`${plainText(text)}\n`);
  const isAssigned = (await open.registry.getAssignment(identity)) !== undefined;
  if (!isAssigned && !(await isAdopted(open, identity))) {
    const enclosing = await enclosingProject(open.registry, identity.projectPath);
    const hint = enclosing === undefined ? "" : ` ${enclosingText(enclosing)}`;
    return say(`Nothing to stop: project ${identity.projectKey} has no port assigned.${hint}`);
  }
  const named = { project: identity.projectPath, instance: identity.instance };
  const found = await findIris(open, named);
  checkIsOurs(open, found);
  const { assignment } = found;
  // Its port may have been released while it ran, and another one assigned by a process that did not reach the engine.
  const container = found.container ?? (await madeContainer(open, identity));
  const holder = await upHolder(identity.projectPath);
  const users = usersOf(found, holder);
  if (users.length > 0 && !options.force) throw inUseError(assignment, users, open.registry.registryPath, "down");

  // This process removes the container in place of `up`'s manual holder: after an interruption, later starts would wait
  // for that holder.
  const remover = await uniqueProcessHolder({ usesContainer: true, description: "iris-ports down" });
  const { isLast } = await open.registry.beginLeave(identity, { holder, remover });
  if (!isLast && !options.force) {
    // Another process has joined since.
    await open.registry.acquire(identity, { holder });
    throw inUseError(assignment, usersOf(await findIris(open, named), holder), open.registry.registryPath, "down");
  }
  if (container === undefined) say(`Nothing to stop: project ${identity.projectKey} has no container.`);
  else {
    await stop(open, container.id);
    say(`Stopped and removed container ${container.name}.`);
  }
  say(await release(open, assignment, remover));
}

/**
 * Takes the port of the project's container again if it was released or cleared while the container runs, so that the
 * container's remaining users are known again. False if there is no such container.
 */
async function isAdopted(open: OpenIris, identity: ProjectIdentity): Promise<boolean> {
  if ((await madeContainer(open, identity)) === undefined) return false;
  await open.registry.acquire(identity, { holder: await upHolder(identity.projectPath) });
  return true;
}

/** The container that the registry made for the project, on whatever port. */
async function madeContainer(
  { registry, engine }: OpenIris,
  identity: ProjectIdentity,
): Promise<EngineContainer | undefined> {
  return (await containersOf(engine)).find((one) => isMadeForProject(one, registry, identity));
}

/** None, with a warning, if the engine does not answer: `down` also succeeds if there never was an engine. */
async function containersOf(engine: ContainerEngine): Promise<readonly EngineContainer[]> {
  try {
    return await engine.listContainers();
  } catch (error) {
    if (!(error instanceof ContainerEngineError)) throw error;
    warn(`It is not known whether a container of the project runs: ${error.what}`);
    return [];
  }
}

/**
 * The processes and jobs that are not known to be gone, without those that are removing the container at this moment.
 */
function usersOf({ assignment }: FoundIris, own: Holder): readonly Holder[] {
  const verdicts = assignment.evidence.filter(({ kind }) => kind === "holder").map(({ verdict }) => verdict);
  return assignment.holders.filter(
    (holder, index) =>
      holder.id !== own.id && holder.kind !== "manual" && !holder.isLeaving && verdicts[index] !== "gone",
  );
}

function checkIsOurs({ registry }: OpenIris, { assignment, container }: FoundIris): void {
  if (container === undefined || container.labels[LABEL_REGISTRY] === registry.registryPath) return;
  throw new ContainerMismatchError({
    what: `Container ${container.name} on port ${assignment.port} was not made by iris-ports with this registry.`,
    state: "Nothing was changed.",
    remedy: stopRemedy(container),
    containerName: container.name,
  });
}

async function stop({ engine }: OpenIris, id: string): Promise<void> {
  try {
    const { host } = engine;
    // Shut down and not killed, because its data may be kept outside the container.
    await host.command.run(["stop", "--time", String(STOP_SECONDS), id], { timeoutMs: REMOVE_TIMEOUT_MS });
    await host.remove(id, { timeoutMs: REMOVE_TIMEOUT_MS });
  } catch (error) {
    throw engineError(engine.endpoint, error);
  }
}

/** The port stays assigned if it has other holders. */
async function release({ registry }: OpenIris, assignment: PortAssignment, holder: Holder): Promise<string> {
  const { port, projectKey, projectPath, instance } = assignment;
  // Shutting IRIS down takes a while, in which the port may be released by force.
  const left = await releaseIfAssigned(registry, assignment, { holder });
  if (left?.status !== "active") return `Released port ${port} (${projectKey}).`;
  const now = await registry.inspect(assignment);
  if (now?.evidence.some(({ kind, verdict }) => kind === "holder" && verdict !== "gone"))
    return `Port ${port} stays assigned to ${projectKey}. To release it: ${releaseCommand(projectPath, instance, registry.registryPath)}`;
  if (now !== undefined) await releaseIfAssigned(registry, assignment, { isUseRespected: true });
  return `Released port ${port} (${projectKey}).`;
}
