import { DockerodeEngine } from "../docker/dockerode-engine.ts";
import type { ContainerEngine } from "../docker/engine.ts";
import { commandText } from "../settings/command-text.ts";
import { checkDurationMs, checkPort, DEFAULT_LOCK_TIMEOUT_MS, resolvePortRange } from "../settings/config.ts";
import type { Store } from "../stores/store.ts";
import { type Acquisition, type AssignOptions, acquirePort, type ProjectOptions } from "./allocation/acquire.ts";
import { decideAssignment, decideReassignment } from "./allocation/assign.ts";
import { inUseError } from "./allocation/assignment-errors.ts";
import { beginLeaveIn, type Leave, releaseIn } from "./allocation/release.ts";
import { HolderRenewal } from "./allocation/renewal.ts";
import type { AssignRequest } from "./allocation/request.ts";
import { checkWebPort } from "./allocation/web-port.ts";
import type { ListedAssignment, PortAssignment, WaitingProject } from "./assignment.ts";
import { type Rebuilt, rebuildDocument } from "./doctor/rebuild.ts";
import { emptied, entriesOf } from "./document/edit-document.ts";
import { toAssignment, toHolder } from "./document/records.ts";
import { PortNotAssignedError } from "./errors.ts";
import { type CleanOptions, cleanUp } from "./evidence/clean.ts";
import { type Liveness, observeProcess } from "./evidence/liveness.ts";
import { isForeignEntry, judge } from "./evidence/staleness.ts";
import { goneHolders, lookAround, portsInUse, type RegistryContext } from "./evidence/survey.ts";
import { checkHolder, type Holder, processHolder } from "./holder.ts";
import { bindProbe, type PortProbe } from "./host/port-probe.ts";
import { openStore } from "./open-store.ts";
import { identifyProject, type KnownProject } from "./project.ts";

/** How a registry is reached and what it asks; everything has a default. */
export type PortRegistryOptions = {
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
  /** The engine to query for containers; `false` disables this. @default the engine that Testcontainers uses */
  readonly engine?: ContainerEngine | false;
  readonly clock?: () => Date;
  readonly probe?: PortProbe;
  readonly liveness?: Liveness;
};

/**
 * The same registry with the engine that starts its containers. Where another engine was given to the constructor, or
 * `false`, that choice stays.
 */
export let withStartEngine: (registry: PortRegistry, engine: ContainerEngine) => PortRegistry;

/**
 * Hands out host ports to projects. Any number of processes may use one registry at once: no port is held by two, and
 * what is acknowledged is not lost.
 */
export class PortRegistry {
  static {
    withStartEngine = (registry, engine) => registry.#withStartEngine(engine);
  }

  readonly portRange: readonly [number, number];
  readonly engine: ContainerEngine | undefined;
  readonly #options: PortRegistryOptions;
  readonly #surroundings: RegistryContext;
  /** Where processes of several hosts share the registry. */
  readonly #renewal: HolderRenewal | undefined;

  /** @throws InvalidArgumentError */
  constructor(options: PortRegistryOptions = {}) {
    this.portRange = resolvePortRange(options.portRange);
    const lockTimeoutMs = checkDurationMs(options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS, "lockTimeoutMs");
    const { registryPath, isDurable = true } = options;
    const engine = options.engine === false ? undefined : (options.engine ?? new DockerodeEngine());
    this.engine = engine;
    this.#options = options;
    const store = options.store ?? openStore({ registryPath, lockTimeoutMs, isDurable, engine });
    const { shared } = store;
    this.#renewal = shared && new HolderRenewal(store, shared);
    this.#surroundings = {
      store,
      engine,
      clock: options.clock ?? (() => shared?.now() ?? new Date()),
      // The ports of a remote engine open on its host: a probe here would say nothing about them.
      get probe() {
        return engine?.isLocal === false ? undefined : (options.probe ?? bindProbe);
      },
      liveness: options.liveness ?? observeProcess,
    };
  }

  #withStartEngine(engine: ContainerEngine): PortRegistry {
    if (this.#options.engine !== undefined) return this;
    // On a Redis server the engine also names the pool of ports, so the store is opened anew.
    const where = this.#options.store === undefined ? { registryPath: this.registryAddress } : {};
    return new PortRegistry({ ...this.#options, ...where, portRange: this.portRange, engine });
  }

  /** Where the document is. */
  get registryPath(): string {
    return this.#surroundings.store.location;
  }

  /** What `IRIS_PORT_REGISTRY` must be for another process to use this registry. A Redis URL may hold a password. */
  get registryAddress(): string {
    return this.#surroundings.store.address ?? this.registryPath;
  }

  /**
   * Gives the project its port: the one it has, else the one it had, else the first that is free of assignments,
   * containers and listeners.
   * @param project a directory, by default `IRIS_PORTS_PROJECT`, else the working directory
   * @throws PortExhaustedError when all ports are taken, also after stale assignments were cleaned and `waitTimeoutMs`
   * @throws PortConflictError when `preferredPort` is somebody else's, or the project already holds another port
   * @throws InvalidArgumentError, PortAssignmentTimeoutError, RegistryCorruptError, RegistryAccessError, RegistrySchemaError
   */
  async assignPort(project?: string | KnownProject, options: AssignOptions = {}): Promise<PortAssignment> {
    return (await this.acquire(project, options)).assignment;
  }

  /** {@link assignPort} for modules that start containers. */
  async acquire(project?: string | KnownProject, options: AssignOptions = {}): Promise<Acquisition> {
    const request = await this.#request(project, options, []);
    return this.#renewing(await acquirePort(this.#surroundings, request, decideAssignment, options));
  }

  /**
   * Gives up the project's port, which the engine refused, and takes another; everybody who waits for the same container
   * moves along.
   * @throws PortConflictError when the port was asked for by number, or somebody else relies on it already
   * @throws PortExhaustedError and whatever {@link assignPort} throws
   */
  async reassign(
    project: string | KnownProject | undefined,
    options: AssignOptions & { readonly refusedPorts: readonly number[] },
  ): Promise<Acquisition> {
    const request = await this.#request(project, options, options.refusedPorts);
    return this.#renewing(await acquirePort(this.#surroundings, request, decideReassignment, options));
  }

  /**
   * Announces that a holder leaves the project's container. When others still use it, the holder is gone at once;
   * when it was the last, it removes the container and then calls {@link releasePort}: until then newcomers wait. Where
   * the container is kept, even the last is gone at once, and the assignment stays for as long as the container exists.
   */
  async beginLeave(
    project: string | KnownProject | undefined,
    options: ProjectOptions & { readonly holder: Holder; readonly isContainerKept?: boolean },
  ): Promise<Leave> {
    const { projectKey: key } = identifyProject(project, options.instance);
    this.#renewal?.leave(key, options.holder.id);
    const isGone = await goneHolders(this.#surroundings, key);
    return this.#surroundings.store.update(async (newest) => {
      const { document, ...leave } = beginLeaveIn(
        newest,
        key,
        options.holder.id,
        isGone,
        options.isContainerKept ?? false,
      );
      return { document, result: leave };
    });
  }

  /**
   * Gives the port back and returns the assignment: `released`, or still `active` where other holders remain. Without a
   * holder it is taken from all of them; with `isUseRespected` not while processes or jobs hold it.
   * @throws PortNotAssignedError when the project has none
   * @throws PortConflictError when it is in use and `isUseRespected`
   */
  async releasePort(
    project?: string | KnownProject,
    options: ProjectOptions & { readonly holder?: Holder; readonly isUseRespected?: boolean } = {},
  ): Promise<PortAssignment> {
    const { projectKey: key } = identifyProject(project, options.instance);
    this.#renewal?.leave(key, options.holder?.id);
    const isGone = await goneHolders(this.#surroundings, key);
    const { holder, isUseRespected } = options;
    const { assignment, users } = await this.#surroundings.store.update(async (newest) => {
      const now = this.#surroundings.clock();
      const { document, ...result } = releaseIn(newest, key, { holderId: holder?.id, isUseRespected }, isGone, now);
      return { document, result };
    });
    if (assignment !== undefined && users.length > 0) throw inUseError(assignment, users, this.registryPath);
    if (assignment !== undefined) return assignment;
    throw new PortNotAssignedError({
      what: `Project ${key} has no port assigned.`,
      state: `Registry ${this.registryPath}. Nothing was changed.`,
      remedy: `it may have been released or cleaned already; see what is assigned: ${commandText(["list"], this.registryPath)}`,
      project: key,
    });
  }

  /** The project's assignment as the document has it, without looking for evidence of life. */
  async getAssignment(
    project?: string | KnownProject,
    options: ProjectOptions = {},
  ): Promise<PortAssignment | undefined> {
    const { projectKey: key } = identifyProject(project, options.instance);
    const document = await this.#surroundings.store.read();
    const record = document.assignments.find((candidate) => candidate.project_path === key);
    return record && toAssignment(record, document.details.get(key));
  }

  /** The project's assignment with its holders, the evidence, and the status computed from it. */
  async inspect(project?: string | KnownProject, options: ProjectOptions = {}): Promise<ListedAssignment | undefined> {
    const { projectKey: key } = identifyProject(project, options.instance);
    return (await this.listAll()).find((listed) => listed.projectKey === key);
  }

  /** Every assignment, `active` or `stale`, with its holders and the evidence, in the order of ports. */
  async listAll(): Promise<ListedAssignment[]> {
    const document = await this.#surroundings.store.read();
    if (document.assignments.length === 0) return [];
    const survey = await lookAround(this.#surroundings, document, true);
    const now = this.#surroundings.clock();
    const foreignPorts = entriesOf(document)
      .filter(isForeignEntry)
      .map(({ assignment }) => assignment.port);
    const used = await portsInUse(this.#surroundings, foreignPorts);
    return entriesOf(document)
      .map((entry) => judge(entry, survey, now, used.get(entry.assignment.port)))
      .sort((a, b) => a.port - b.port);
  }

  /** The queue for a port, the first first, without those that are provably gone. */
  async listWaiting(): Promise<WaitingProject[]> {
    const document = await this.#surroundings.store.read();
    if (document.waiters.length === 0) return [];
    const { verdictOf } = await lookAround(this.#surroundings, document, false);
    return document.waiters
      .map(({ project, since, holder }) => ({
        projectKey: project,
        since: new Date(since),
        holder: toHolder(holder),
      }))
      .filter(({ holder }) => verdictOf(holder) !== "gone");
  }

  /** Forgets every assignment and every port that was released. Whoever still relies on one is not asked. */
  async clearAll(): Promise<PortAssignment[]> {
    this.#renewal?.leaveAll();
    return this.#surroundings.store.update(async (document) => {
      const released = entriesOf(document).map(({ assignment }) => ({ ...assignment, status: "released" as const }));
      return { document: emptied(document, this.#surroundings.clock()), result: released };
    });
  }

  /**
   * Removes what is provably dead: containers that lived only for holders who are gone, then every assignment that no
   * evidence of life is left for. Returns those assignments (`stale`). Where the engine does not answer, nothing is.
   */
  async cleanupStale(options: CleanOptions = {}): Promise<ListedAssignment[]> {
    return cleanUp(this.#surroundings, options);
  }

  /**
   * Puts back what the document lost, from the labels of this registry's containers. A document that cannot be read is
   * replaced, and its bytes are kept beside it; one that can keeps all it has.
   * @throws ContainerEngineError when it cannot be read and the engine does not answer, unless `isEngineOptional`
   */
  async rebuild(options: { readonly isEngineOptional?: boolean } = {}): Promise<Rebuilt> {
    return rebuildDocument(this.#surroundings, this.portRange, options.isEngineOptional ?? false);
  }

  async #request(
    project: string | KnownProject | undefined,
    options: AssignOptions,
    refusedPorts: readonly number[],
  ): Promise<AssignRequest> {
    const identity = identifyProject(project, options.instance);
    const preferredPort =
      options.preferredPort === undefined ? undefined : checkPort(options.preferredPort, "preferredPort");
    if (options.hasWebPort) checkWebPort(preferredPort ?? this.portRange[1]);
    const wanted = options.holder === undefined ? await processHolder() : checkHolder(options.holder);
    const holder = this.#renewal !== undefined && isRenewed(wanted) ? await this.#renewal.begin(wanted) : wanted;
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

  async #renewing(acquisition: Acquisition): Promise<Acquisition> {
    const { holder } = acquisition;
    if (isRenewed(holder)) await this.#renewal?.hold(acquisition, holder);
    return acquisition;
  }
}

/** A holder that ends with this process, which renews it. */
function isRenewed(holder: Holder): boolean {
  return holder.kind === "process" && holder.process.pid === process.pid;
}
