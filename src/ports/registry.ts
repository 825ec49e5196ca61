import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import type { RegistryDocument } from "../stores/document.ts";
import { FileStore } from "../stores/file-store.ts";
import type { Store } from "../stores/store.ts";
import { type AssignRequest, assignIn, type Decision, reassignIn } from "./assign.ts";
import type { ListedAssignment, PortAssignment } from "./assignment.ts";
import { cleanIn, findOrphans } from "./clean.ts";
import {
  checkDurationMs,
  checkPort,
  DEFAULT_LOCK_TIMEOUT_MS,
  resolvePortRange,
  resolveRegistryPath,
} from "./config.ts";
import { emptied, entriesOf, entryOf, withoutWaiter, withWaiter } from "./edit-document.ts";
import type { ContainerEngine } from "./engine.ts";
import { PortNotAssignedError } from "./errors.ts";
import { describeExhaustion, exhaustedError } from "./exhausted.ts";
import { type Holder, processHolder } from "./holder.ts";
import { type Liveness, observeProcess } from "./liveness.ts";
import { bindProbe, type PortProbe } from "./port-probe.ts";
import { identifyProject } from "./project.ts";
import { timeText, toAssignment, toHolderRecord } from "./records.ts";
import { ambiguousError, conflictError, leavingError, otherPortError } from "./refusals.ts";
import { beginLeaveIn, releaseIn } from "./release.ts";
import { isForeignEntry, judge } from "./staleness.ts";
import { askEngine, type EngineReport, observeHolders, type Survey } from "./survey.ts";
import { checkWebPort } from "./web-port.ts";

const debug = createDebug("iris-ports:registry");

const LEAVE_POLL_MS = 25;
const LEAVE_TIMEOUT_MS = 60_000;
const QUEUE_POLL_MS = 100;
/** How often somebody who waits looks for what nobody announces: a port that a stranger gave up. */
const QUEUE_LOOK_MS = 2_000;

/** How a registry is reached and what it asks; everything has a default. */
export type RegistryOptions = {
  /** Where the document lives; excludes `registryPath`. */
  readonly store?: Store;
  /** @default `IRIS_PORT_REGISTRY`, else `~/.iris-devtester/port-registry.json` */
  readonly registryPath?: string;
  /** First and last port, or `"1972-1981"`. @default `IRIS_PORT_RANGE`, else 1972-1981 */
  readonly portRange?: readonly [number, number] | string;
  /** How long an operation waits for the registry's lock, in milliseconds. @default 5000 */
  readonly lockTimeoutMs?: number;
  /** Flush every commit to the disk (fsync) before it is acknowledged. @default true */
  readonly isDurable?: boolean;
  /** Who is asked for containers; none: the engine counts as unreachable. */
  readonly engine?: ContainerEngine;
  readonly clock?: () => Date;
  readonly probe?: PortProbe;
  readonly liveness?: Liveness;
};

/** Which of a project's assignments is meant. */
export type ProjectOptions = {
  /** The name of a second IRIS in the same project. */
  readonly instance?: string;
};

/** What is asked of an assignment. */
export type AssignOptions = ProjectOptions & {
  /** This port and no other, from 1 to 65535, inside the range or not. */
  readonly preferredPort?: number;
  /** Who relies on it. @default this process */
  readonly holder?: Holder;
  /** Also the registry's web port, 52773 + (port - 1972). */
  readonly hasWebPort?: boolean;
  /** How long to wait in the queue when all ports are taken, in milliseconds. @default 0 */
  readonly waitTimeoutMs?: number;
  /** Told about the place in the queue, from 1, while waiting. */
  readonly onWait?: (state: { readonly position: number; readonly waitedMs: number }) => void;
};

/** An assignment with what a container module needs to know besides. */
export type Acquisition = {
  readonly assignment: PortAssignment;
  readonly holder: Holder;
  /** Names one uninterrupted use of the project's container; a container of another tenure is a leftover. */
  readonly tenure: string;
};

/**
 * Hands out host ports to projects. Any number of processes may use one registry at once: no port is held by two, and
 * what is acknowledged is not lost.
 */
export class RegistryCore {
  readonly portRange: readonly [number, number];
  readonly engine: ContainerEngine | undefined;
  readonly #store: Store;
  readonly #clock: () => Date;
  readonly #probe: PortProbe | undefined;
  readonly #liveness: Liveness;

  /** @throws InvalidArgumentError */
  constructor(options: RegistryOptions = {}) {
    this.portRange = resolvePortRange(options.portRange);
    const lockTimeoutMs = checkDurationMs(options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS, "lockTimeoutMs");
    const path = () => resolveRegistryPath(options.registryPath);
    this.#store =
      options.store ?? new FileStore({ path: path(), lockTimeoutMs, isDurable: options.isDurable ?? true });
    this.engine = options.engine;
    this.#clock = options.clock ?? (() => new Date());
    // The ports of a remote engine open on its host: a probe here would say nothing about them.
    this.#probe = options.engine?.isLocal === false ? undefined : (options.probe ?? bindProbe);
    this.#liveness = options.liveness ?? observeProcess;
  }

  /** Where the document is. */
  get registryPath(): string {
    return this.#store.location;
  }

  /**
   * Gives the project its port: the one it has, else the one it had, else the first that is free of assignments,
   * containers and listeners.
   * @param project a directory, by default `IRIS_PORTS_PROJECT`, else the working directory
   * @throws PortExhaustedError when all ports are taken, also after stale assignments were cleaned and `waitTimeoutMs`
   * @throws PortConflictError when `preferredPort` is somebody else's, or the project already holds another port
   * @throws InvalidArgumentError, PortAssignmentTimeoutError, RegistryCorruptError, RegistryAccessError, RegistrySchemaError
   */
  async assignPort(project?: string, options: AssignOptions = {}): Promise<PortAssignment> {
    return (await this.acquire(project, options)).assignment;
  }

  /** {@link assignPort} for modules that start containers. */
  async acquire(project?: string, options: AssignOptions = {}): Promise<Acquisition> {
    return this.#decideOrLeaveQueue(await this.#request(project, options, []), assignIn, options);
  }

  /**
   * Gives up the project's port, which the engine refused, and takes another; everybody who waits for the same container
   * moves along.
   * @throws PortConflictError when the port was asked for by number, or somebody else relies on it already
   * @throws PortExhaustedError and whatever {@link assignPort} throws
   */
  async reassign(
    project: string | undefined,
    options: AssignOptions & { readonly refusedPorts: readonly number[] },
  ): Promise<Acquisition> {
    return this.#decideOrLeaveQueue(await this.#request(project, options, options.refusedPorts), reassignIn, options);
  }

  /**
   * Announces that a holder leaves the project's container. When others still use it, the holder is gone at once;
   * when it was the last, it removes the container and then calls {@link releasePort}: until then newcomers wait.
   */
  async beginLeave(
    project: string | undefined,
    options: ProjectOptions & { readonly holder: Holder },
  ): Promise<{ readonly isLast: boolean }> {
    const { projectKey: key } = identifyProject(project, options.instance);
    const isGone = await this.#goneHolders();
    return this.#store.update(async (newest) => {
      const { document, isLast } = beginLeaveIn(newest, key, options.holder.id, isGone);
      return { document: document === newest ? undefined : document, result: { isLast } };
    });
  }

  /**
   * Gives the port back and returns the assignment: `released`, or still `active` where other holders remain. Without a
   * holder it is taken from all of them.
   * @throws PortNotAssignedError when the project has none
   */
  async releasePort(
    project?: string,
    options: ProjectOptions & { readonly holder?: Holder } = {},
  ): Promise<PortAssignment> {
    const { projectKey: key } = identifyProject(project, options.instance);
    const isGone = await this.#goneHolders();
    const released = await this.#store.update(async (newest) => {
      const { document, assignment } = releaseIn(newest, key, options.holder?.id, isGone, this.#clock());
      return { document: document === newest ? undefined : document, result: assignment };
    });
    if (released !== undefined) return released;
    throw new PortNotAssignedError({
      what: `Project ${key} has no port assigned.`,
      state: `Registry ${this.registryPath}. Nothing was changed.`,
      remedy: "look for the project's name in `iris-ports list`; it may have been released or cleaned already.",
      project: key,
    });
  }

  /** The project's assignment as the document has it, without looking for evidence of life. */
  async getAssignment(project?: string, options: ProjectOptions = {}): Promise<PortAssignment | undefined> {
    const { projectKey: key } = identifyProject(project, options.instance);
    const document = await this.#store.read();
    const record = document.assignments.find((candidate) => candidate.project_path === key);
    return record && toAssignment(record, document.details.get(key));
  }

  /** The project's assignment with its holders, the evidence, and the status computed from it. */
  async inspect(project?: string, options: ProjectOptions = {}): Promise<ListedAssignment | undefined> {
    const { projectKey: key } = identifyProject(project, options.instance);
    return (await this.listAll()).find((listed) => listed.projectKey === key);
  }

  /** Every assignment, `active` or `stale`, with its holders and the evidence, in the order of ports. */
  async listAll(): Promise<ListedAssignment[]> {
    const document = await this.#store.read();
    if (document.assignments.length === 0) return [];
    const survey = await this.#survey(document, true);
    const foreignPorts = entriesOf(document).filter(isForeignEntry).map(({ assignment }) => assignment.port);
    const used = await this.#probeAll(foreignPorts);
    return entriesOf(document)
      .map((entry) => judge(entry, survey, this.#clock(), used.get(entry.assignment.port)))
      .sort((a, b) => a.port - b.port);
  }

  /** Forgets every assignment and every port that was released. Whoever still relies on one is not asked. */
  async clearAll(): Promise<PortAssignment[]> {
    return this.#store.update(async (document) => {
      const released = entriesOf(document).map(({ assignment }) => ({ ...assignment, status: "released" as const }));
      return { document: emptied(document), result: released };
    });
  }

  /**
   * Removes what is provably dead: containers that lived only for holders who are gone, then every assignment that no
   * evidence of life is left for. Returns those assignments (`stale`). Where the engine does not answer, nothing is.
   */
  async cleanupStale(): Promise<ListedAssignment[]> {
    const before = await this.#store.read();
    const now = this.#clock();
    const verdictOf = await observeHolders(before, this.#liveness, now);
    const engine = await this.#removeOrphans(await askEngine(this.engine), (holder) => verdictOf(holder) === "gone");
    const survey: Survey = { engine, isEngineAsked: true, verdictOf };
    const isPortInUse = async (port: number) => (this.#probe ? !(await this.#probe(port)) : undefined);
    return this.#store.update(async (newest) => {
      const { document, removed } = await cleanIn(newest, survey, isPortInUse, now);
      return { document: document === newest ? undefined : document, result: [...removed] };
    });
  }

  async #removeOrphans(report: EngineReport, isGone: (holder: Holder) => boolean): Promise<EngineReport> {
    if (!report.isReachable || this.engine === undefined) return report;
    const orphans = findOrphans(report.containers, await this.#store.read(), this.registryPath, isGone);
    for (const orphan of orphans) await this.engine.removeContainer(orphan.id);
    return { ...report, containers: report.containers.filter((container) => !orphans.includes(container)) };
  }

  /** Whoever gives up must not keep others waiting behind them. */
  async #decideOrLeaveQueue(request: AssignRequest, decide: Decision, options: AssignOptions): Promise<Acquisition> {
    try {
      return await this.#decide(request, decide, options);
    } catch (error) {
      if (options.waitTimeoutMs) await this.#leaveQueue(request.waiterId);
      throw error;
    }
  }

  async #leaveQueue(waiterId: string): Promise<void> {
    try {
      await this.#store.update(async (newest) => {
        const document = withoutWaiter(newest, waiterId);
        return { document: document === newest ? undefined : document, result: undefined };
      });
    } catch (cause) {
      // The caller hears of the failure that came first; the place in the queue ends with this process at the latest.
      debug("the place in the queue was not given up: %o", cause);
    }
  }

  async #decide(request: AssignRequest, decide: Decision, options: AssignOptions): Promise<Acquisition> {
    const waitTimeoutMs = checkDurationMs(options.waitTimeoutMs ?? 0, "waitTimeoutMs");
    const startedAt = performance.now();
    const waitedMs = () => performance.now() - startedAt;
    let isEngineNeeded = false;
    let cleanedAtMs: number | undefined;
    for (;;) {
      const before = await this.#store.read();
      const isNew = entryOf(before, request.projectKey) === undefined;
      const survey = await this.#survey(before, isEngineNeeded || isNew);
      const outcome = await this.#store.update(async (newest) => {
        const decided = await decide(newest, request, survey, this.#probe, this.#clock());
        return { document: decided.document === newest ? undefined : decided.document, result: decided.outcome };
      });
      switch (outcome.kind) {
        case "assigned":
          return { assignment: outcome.assignment, tenure: outcome.tenure, holder: request.holder };
        case "engine-needed":
          isEngineNeeded = true;
          continue;
        case "ambiguous":
          throw ambiguousError(outcome.assignment);
        case "other-port":
          throw otherPortError(outcome.assignment, request.preferredPort as number);
        case "leaving":
          if (waitedMs() > LEAVE_TIMEOUT_MS) throw leavingError(outcome.assignment, waitedMs());
          await delay(LEAVE_POLL_MS);
          continue;
        case "conflict":
        case "exhausted":
          if (cleanedAtMs === undefined || waitedMs() - cleanedAtMs > QUEUE_LOOK_MS) {
            await this.cleanupStale();
            cleanedAtMs = waitedMs();
            continue;
          }
          if (outcome.kind === "conflict") throw conflictError(outcome.port, outcome.occupant);
          if (waitedMs() >= waitTimeoutMs) throw await this.#exhausted(request, survey);
          await this.#wait(request, waitedMs(), options.onWait);
      }
    }
  }

  /** Takes or keeps a place in the queue, and waits until a look is worth while. */
  async #wait(request: AssignRequest, waitedMs: number, onWait: AssignOptions["onWait"]): Promise<void> {
    const ticket = {
      id: request.waiterId,
      project: request.projectKey,
      range: request.portRange,
      since: timeText(this.#clock()),
      holder: toHolderRecord(request.holder),
    };
    const position = await this.#store.update(async (newest) => {
      const document = withWaiter(newest, ticket);
      const place = document.waiters.findIndex((waiter) => waiter.id === ticket.id);
      return { document: document === newest ? undefined : document, result: place + 1 };
    });
    onWait?.({ position, waitedMs });
    await delay(QUEUE_POLL_MS * (0.5 + Math.random()));
  }

  async #exhausted(request: AssignRequest, survey: Survey): Promise<Error> {
    const exhaustion = await this.#store.update(async (newest) => {
      const view = { document: newest, survey, probe: this.#probe, asker: request };
      return { result: await describeExhaustion(view, request, this.#clock()) };
    });
    return exhaustedError(exhaustion);
  }

  async #request(project: string | undefined, options: AssignOptions, refusedPorts: readonly number[]): Promise<AssignRequest> {
    const identity = identifyProject(project, options.instance);
    const preferredPort = options.preferredPort === undefined ? undefined : checkPort(options.preferredPort, "preferredPort");
    if (options.hasWebPort) checkWebPort(preferredPort ?? this.portRange[1]);
    const holder = options.holder ?? (await processHolder());
    return {
      ...identity,
      holder,
      preferredPort,
      hasWebPort: options.hasWebPort ?? false,
      portRange: this.portRange,
      refusedPorts,
      waiterId: `${holder.id} ${identity.projectKey}`,
    };
  }

  async #survey(document: RegistryDocument, isEngineAsked: boolean): Promise<Survey> {
    // Holders first: who was gone before the containers were listed can have made none that is not in the list.
    const verdictOf = await observeHolders(document, this.#liveness, this.#clock());
    const notAsked = { isReachable: false, endpoint: this.engine?.endpoint, reason: "it was not asked" } as const;
    return { engine: isEngineAsked ? await askEngine(this.engine) : notAsked, isEngineAsked, verdictOf };
  }

  async #goneHolders(): Promise<(holder: Holder) => boolean> {
    const verdictOf = await observeHolders(await this.#store.read(), this.#liveness, this.#clock());
    return (holder) => verdictOf(holder) === "gone";
  }

  /** Whether ports are in use; probed under the lock, because two probes of one port would see each other. */
  async #probeAll(ports: readonly number[]): Promise<ReadonlyMap<number, boolean>> {
    const used = new Map<number, boolean>();
    const probe = this.#probe;
    if (ports.length === 0 || probe === undefined) return used;
    return this.#store.update(async () => {
      for (const port of ports) used.set(port, !(await probe(port)));
      return { result: used };
    });
  }
}
