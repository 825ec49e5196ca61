import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import type { ContainerRuntimeClient, StartedTestContainer } from "testcontainers";
import { isInTheWay, isMissing, isNameTaken, isPortRefused, isStartedAlready } from "../docker/engine-error-kinds.ts";
import { ContainerMismatchError, ContainerStartError } from "../errors/errors.ts";
import type { Lease } from "../lifecycle/lease.ts";
import { decideStart } from "../lifecycle/start-decision.ts";
import { PortConflictError } from "../registry/errors.ts";
import { observeMaker } from "../registry/evidence/survey.ts";
import { findContainer, type Inspected, removeContainer, removeCreatedBy } from "./engine/engine-containers.ts";
import { NotRunningError } from "./engine/running-only.ts";
import { type Diagnosis, endError } from "./engine/start-failure.ts";
import { leaveFailedStart } from "./project-end.ts";

const debug = createDebug("iris-ports:containers");
const POLL_MS = 25;
/** How long a container must have been seen ended, so that it is not one that somebody is just restarting. */
const SETTLE_MS = 500;

/** What a kind of container does at the steps of its start. */
export type StartActions = {
  /** Makes and starts the container on the lease's ports and under its name. */
  create(): Promise<StartedTestContainer>;
  /** Waits until a container that runs is ready, harming it in no way. */
  join(running: Inspected): Promise<StartedTestContainer>;
  /** What the log of a container that ended tells of. */
  diagnose(log: string): Diagnosis | undefined;
};

/** The container of a project; `joined` as it was found, where it was there already. */
type StartedProject = { readonly container: StartedTestContainer; readonly joined: Inspected | undefined };

/**
 * Makes or joins the one container that a lease stands for. Any number of starts may do so at once: the engine gives a
 * name to one container only, so one of them makes it and the others join. Whatever fails, nothing is left behind.
 */
export class ProjectStart {
  readonly #client: ContainerRuntimeClient;
  readonly #lease: Lease;
  readonly #actions: StartActions;
  /** What this start has started again; once is enough. */
  #restartedId: string | undefined;
  #ended: { readonly id: string; readonly seenAt: number } | undefined;

  constructor(client: ContainerRuntimeClient, lease: Lease, actions: StartActions) {
    this.#client = client;
    this.#lease = lease;
    this.#actions = actions;
  }

  async run(timeoutMs: number): Promise<StartedProject> {
    const deadline = performance.now() + timeoutMs;
    try {
      for (;;) {
        const started = await this.#step();
        if (started !== undefined) return started;
        if (performance.now() > deadline) throw this.#stuckError(timeoutMs);
      }
    } catch (error) {
      await leaveFailedStart(this.#client, this.#lease);
      throw error;
    }
  }

  /** Undefined when there is more to do. */
  async #step(): Promise<StartedProject | undefined> {
    const { assignment } = this.#lease;
    const found = await findContainer(this.#client, assignment.containerName);
    if (found === undefined) return this.#create();
    // Only what the registry says after the container was seen can tell whose it is.
    await this.#lease.renew();
    if (this.#lease.assignment.containerName !== assignment.containerName) return undefined;
    const step = decideStart({
      assignment,
      generation: this.#lease.generation,
      registryPath: this.#lease.registry.registryPath,
      found: { state: found.State.Status, labels: found.Config.Labels, isSettled: this.#isSettled(found) },
      maker: await observeMaker(found.Config.Labels),
      others: this.#lease.others,
    });
    debug("%s is %s: %s", assignment.containerName, found.State.Status, step);
    if (step === "join") return this.#join(found);
    if (step === "restart") await this.#restart(found);
    else if (step === "remove") await removeContainer(this.#client, found.Id);
    else if (step === "move") await this.#moveAwayFrom(found);
    else await delay(POLL_MS);
    return undefined;
  }

  async #create(): Promise<StartedProject | undefined> {
    try {
      return { container: await this.#actions.create(), joined: undefined };
    } catch (error) {
      if (isNameTaken(error)) return undefined;
      if (!isPortRefused(error, this.#lease.hostPorts)) throw error;
      debug("the engine refuses port %d: %o", this.#lease.assignment.port, error);
      // It was created, but could not be started.
      await removeCreatedBy(this.#client, this.#lease.holderId);
      await this.#lease.move();
      return undefined;
    }
  }

  /** Undefined if it ended before it could be joined, or was removed or restarted while it was being waited for. */
  async #join(found: Inspected): Promise<StartedProject | undefined> {
    if (found.State.Paused) throw this.#pausedError();
    try {
      return { container: await this.#actions.join(found), joined: found };
    } catch (error) {
      if (error instanceof ContainerMismatchError) throw error;
      const now = await findContainer(this.#client, found.Id);
      const isRestarted = now?.State.Running && now.State.StartedAt !== found.State.StartedAt;
      if (now !== undefined && !isRestarted && !(error instanceof NotRunningError)) throw error;
      debug("%s went away while it was being joined: %o", found.Name, error);
      return undefined;
    }
  }

  async #restart(found: Inspected): Promise<void> {
    const container = this.#client.container.getById(found.Id);
    if (this.#restartedId === found.Id) throw await endError(container, (log) => this.#actions.diagnose(log));
    this.#restartedId = found.Id;
    try {
      await this.#client.container.start(container);
    } catch (error) {
      if (isMissing(error) || isInTheWay(error) || isStartedAlready(error)) return;
      if (!isPortRefused(error, this.#lease.hostPorts)) throw error;
      const { port, containerName } = this.#lease.assignment;
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

  async #moveAwayFrom(found: Inspected): Promise<void> {
    const { containerName, projectKey } = this.#lease.assignment;
    try {
      await this.#lease.move();
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

  #isSettled({ Id, State }: Inspected): boolean {
    if (State.Status !== "exited") this.#ended = undefined;
    else if (this.#ended?.id !== Id) this.#ended = { id: Id, seenAt: performance.now() };
    return this.#ended !== undefined && performance.now() - this.#ended.seenAt >= SETTLE_MS;
  }

  #pausedError(): ContainerStartError {
    const { containerName, projectKey } = this.#lease.assignment;
    return new ContainerStartError({
      what: `The container ${containerName} of ${projectKey} is paused.`,
      state: "It cannot get ready while it is. Nothing was changed.",
      remedy: `let it go on: docker unpause ${containerName}`,
    });
  }

  #stuckError(timeoutMs: number): ContainerStartError {
    const { containerName } = this.#lease.assignment;
    return new ContainerStartError({
      what: `The container ${containerName} did not get into a usable state within ${timeoutMs / 1000} s.`,
      state: "Another process seems to be making, restarting or removing it all the time.",
      remedy: `look at it (docker inspect ${containerName}), or remove it: docker rm --force ${containerName}`,
    });
  }
}
