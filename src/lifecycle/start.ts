import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import type { CallLimits, ContainerHost } from "../docker/container-host.ts";
import { engineWords, isInTheWay, isMissing, isNameTaken, isStartedAlready } from "../docker/engine-error-kinds.ts";
import type { InspectedContainer } from "../docker/inspected-container.ts";
import { ContainerMismatchError, ContainerStartError } from "../errors/errors.ts";
import { PortConflictError } from "../registry/errors.ts";
import { observeMaker } from "../registry/evidence/makers.ts";
import { isLabelledFor } from "../registry/evidence/ownership.ts";
import { LABEL_REGISTRY } from "../registry/labels.ts";
import { leaveFailedStart, removeCreatedBy } from "./end.ts";
import { findProjectContainer, isCommitted } from "./find-container.ts";
import { keptPortError } from "./kept-port.ts";
import type { Lease } from "./lease.ts";
import { checkMatch, type WantedContainer } from "./match.ts";
import { isPortRefused } from "./port-refusal.ts";
import { decideStart } from "./start-decision.ts";
import { type Diagnosis, endFailure } from "./start-failure.ts";

const debug = createDebug("iris-ports:lifecycle");
const POLL_MS = 25;
const SHORTEST_CALL_MS = 5_000;
/** How long a container must stay ended before it counts as ended: until then, another process may be restarting it. */
const SETTLE_MS = 500;

/** The steps of a start that depend on the kind of container. */
export type StartActions<T> = {
  /** Makes and starts the container on the lease's ports and under its name, and waits until it is ready. */
  create(): Promise<T>;
  /** Waits until a running container is ready, without changing it. */
  join(running: InspectedContainer): Promise<T>;
  /** The problem found in the log of a container that ended. */
  diagnose(log: string): Diagnosis | undefined;
};

/** The options of a start. */
export type StartOptions = {
  readonly host: ContainerHost;
  readonly lease: Lease;
  readonly wanted: WantedContainer;
  readonly timeoutMs: number;
  /** Ends the start with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Receives messages for users: removed containers, refused ports. */
  readonly narrate?: ((line: string) => void) | undefined;
};

/** The result of a start; `joined` is the existing container, if there was one. */
export type StartedProject<T> = { readonly use: T; readonly joined: InspectedContainer | undefined };

/** The container ended between two checks. */
export class NotRunningError extends Error {}

/**
 * True if the container failed and its maker is removing it, with the log that says why; another start will show the
 * reason.
 */
function isBeingRemoved(error: unknown, { isRunning }: InspectedContainer): boolean {
  return !isRunning && error instanceof ContainerStartError && error.logTail === undefined;
}

/**
 * Creates or joins the container of a lease. Any number of starts may run at once: the engine gives a name to one container
 * only, so one start creates it and the others join. A failure leaves nothing behind.
 */
export class ProjectStart<T> {
  readonly #options: StartOptions;
  readonly #actions: StartActions<T>;
  readonly #deadline: number;
  /** The container that this start has restarted; it does so only once. */
  #restartedId: string | undefined;
  /** The name of the container that was found last, which may have been renamed. */
  #foundName: string | undefined;
  #ended: { readonly id: string; readonly seenAt: number } | undefined;

  constructor(options: StartOptions, actions: StartActions<T>) {
    this.#options = options;
    this.#actions = actions;
    this.#deadline = performance.now() + options.timeoutMs;
  }

  async run(): Promise<StartedProject<T>> {
    const { host, lease, signal } = this.#options;
    try {
      for (;;) {
        signal?.throwIfAborted();
        const started = await this.#step();
        signal?.throwIfAborted();
        if (started !== undefined) return started;
        if (performance.now() > this.#deadline) throw this.#stuckError();
      }
    } catch (error) {
      await leaveFailedStart(host, lease);
      throw error;
    }
  }

  /** Undefined when there is more to do. */
  async #step(): Promise<StartedProject<T> | undefined> {
    const { host, lease, signal, narrate } = this.#options;
    const { assignment } = lease;
    const found = await findProjectContainer(host, lease.registry.registryPath, assignment, this.#limits);
    this.#foundName = found?.name;
    if (found === undefined) return this.#create();
    // The registry is read after the container was seen, so that it knows the container's generation.
    await lease.renew();
    if (lease.assignment.containerName !== assignment.containerName) return undefined;
    const decided = decideStart({
      assignment,
      generation: lease.generation,
      registryPath: lease.registry.registryPath,
      found: { state: found.state, labels: found.labels, isSettled: this.#isSettled(found) },
      maker: await observeMaker(found.labels),
      others: lease.others,
      isBeingRestarted: lease.isBeingRestarted,
    });
    const step = decided === "remove" && (await isCommitted(host, found, this.#limits)) ? "move" : decided;
    debug("%s is %s: %s", found.name, found.state, step);
    if (step === "join") return this.#join(found);
    if (step === "restart") await this.#restart(found);
    else if (step === "remove") {
      narrate?.(`Removing ${found.name} (${found.state}), which an earlier use of the port left behind.`);
      await host.remove(found.id, { signal });
    } else if (step === "move") await this.#moveAwayFrom(found);
    else await delay(POLL_MS, undefined, { signal });
    return undefined;
  }

  async #create(): Promise<StartedProject<T> | undefined> {
    const { host, lease, narrate } = this.#options;
    const { port, containerName } = lease.assignment;
    try {
      return { use: await this.#actions.create(), joined: undefined };
    } catch (error) {
      if (isNameTaken(error)) return undefined;
      if (!(await this.#isPortRefused(error, containerName))) throw error;
      narrate?.(`The engine refuses port ${port}, which a program outside the registry uses: ${engineWords(error)}`);
      // It was created, but could not be started.
      await removeCreatedBy(host, lease.holderId);
      await lease.move();
      debug("%s was given up: %o", containerName, error);
      return undefined;
    }
  }

  /** Undefined if it ended before it could be joined, or was removed or restarted during the wait. */
  async #join(found: InspectedContainer): Promise<StartedProject<T> | undefined> {
    const { host, lease, wanted } = this.#options;
    if (found.state === "paused") throw this.#pausedError(found);
    await checkMatch(host, lease.assignment, found, wanted);
    try {
      return { use: await this.#actions.join(found), joined: found };
    } catch (error) {
      await lease.renew();
      if (lease.isBeingRestarted) return undefined;
      const now = await host.find(found.id, this.#limits);
      const isRestarted = now?.isRunning && now.startedAt !== found.startedAt;
      const isGoing = now === undefined || error instanceof NotRunningError || isBeingRemoved(error, now);
      if (!isGoing && !isRestarted) throw error;
      debug("%s went away while it was being joined: %o", found.name, error);
      return undefined;
    }
  }

  async #restart(found: InspectedContainer): Promise<void> {
    const { host, lease, wanted } = this.#options;
    if (this.#restartedId === found.id) throw await endFailure(host, found.id, (log) => this.#actions.diagnose(log));
    await checkMatch(host, lease.assignment, found, wanted);
    this.#restartedId = found.id;
    try {
      await host.start(found.id, this.#limits);
    } catch (error) {
      if (isMissing(error) || isInTheWay(error) || isStartedAlready(error)) return;
      if (!(await this.#isPortRefused(error, found.name))) throw error;
      throw await keptPortError(found, lease.hostPorts, lease.registry.engine, error);
    }
  }

  async #moveAwayFrom(found: InspectedContainer): Promise<void> {
    const { lease, wanted, narrate } = this.#options;
    const { name } = found;
    const reason = this.#reasonToLeave(found);
    try {
      await lease.move();
      narrate?.(`Leaving the container ${name} alone, because ${reason}; taking another port.`);
    } catch (cause) {
      if (!(cause instanceof PortConflictError)) throw cause;
      throw new ContainerMismatchError({
        what: `The container ${name} blocks the start of project ${lease.assignment.projectKey}: ${reason}.`,
        state: `It is a container of the image ${found.imageName}, ${found.state}. Nothing was changed.`,
        remedy: `remove it (docker rm --force ${name}), or use ${wanted.advice.instance} for a container and port of its own`,
        containerName: name,
        cause,
      });
    }
  }

  #reasonToLeave(found: InspectedContainer): string {
    const { assignment, registry } = this.#options.lease;
    if (found.labels[LABEL_REGISTRY] !== registry.registryPath) return "this registry did not make it";
    if (!isLabelledFor(found, assignment)) return "it was made for another project";
    return "a registry of the same path, perhaps in a container, made it, or its maker cannot be observed from here";
  }

  #isPortRefused(error: unknown, containerName: string): Promise<boolean> {
    const { lease } = this.#options;
    return isPortRefused(error, lease.hostPorts, lease.registry.engine, containerName);
  }

  #isSettled({ id, state }: InspectedContainer): boolean {
    if (state !== "exited") this.#ended = undefined;
    else if (this.#ended?.id !== id) this.#ended = { id, seenAt: performance.now() };
    return this.#ended !== undefined && performance.now() - this.#ended.seenAt >= SETTLE_MS;
  }

  /** The time-out of a single call: the remaining time, but at least what a busy engine needs. */
  get #limits(): CallLimits {
    return { timeoutMs: Math.max(SHORTEST_CALL_MS, this.#deadline - performance.now()), signal: this.#options.signal };
  }

  #pausedError({ name }: InspectedContainer): ContainerStartError {
    const { projectKey } = this.#options.lease.assignment;
    return new ContainerStartError({
      what: `The container ${name} of ${projectKey} is paused.`,
      state: "A paused container does not become ready. Nothing was changed.",
      remedy: `resume it: docker unpause ${name}`,
    });
  }

  #stuckError(): ContainerStartError {
    const name = this.#foundName ?? this.#options.lease.assignment.containerName;
    return new ContainerStartError({
      what: `The container ${name} did not reach a usable state within ${this.#options.timeoutMs / 1000} s.`,
      state: "Another process seems to create, restart or remove it again and again.",
      remedy: `check it (docker inspect ${name}), or remove it: docker rm --force ${name}`,
    });
  }
}
