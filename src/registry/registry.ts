import { DockerodeEngine } from "../docker/dockerode-engine.ts";
import type { ContainerEngine } from "../docker/engine.ts";
import { checkDurationMs, checkPort } from "../settings/checks.ts";
import { DEFAULT_LOCK_TIMEOUT_MS, resolvePortRange } from "../settings/config.ts";
import { acquirePort } from "./allocation/acquire.ts";
import { type Decision, decideAssignment, decideReassignment } from "./allocation/assign.ts";
import { inUseError, notAssignedError } from "./allocation/assignment-errors.ts";
import { beginLeaveIn, type Leave, releaseIn } from "./allocation/release.ts";
import { HolderRenewal, leased, timeOn } from "./allocation/renewal.ts";
import type { Acquisition, AssignOptions, AssignRequest, ProjectOptions } from "./allocation/request.ts";
import { checkWebPort } from "./allocation/web-port.ts";
import type { ListedAssignment, PortAssignment, WaitingProject } from "./assignment.ts";
import { type RebuildOptions, type Rebuilt, rebuildDocument } from "./doctor/rebuild.ts";
import { emptied, entriesOf, entryOf, withRestart } from "./document/edit-document.ts";
import { namedProject } from "./document/named-project.ts";
import { type CleanOptions, cleanUp } from "./evidence/clean.ts";
import { goneHolders } from "./evidence/holders.ts";
import { listAssignments, listWaiting } from "./evidence/listing.ts";
import { observeProcess } from "./evidence/liveness.ts";
import type { RegistryContext } from "./evidence/survey.ts";
import { checkHolder, endsWithThisProcess, type Holder, processHolder } from "./holder.ts";
import { OwnContainer } from "./host/own-container.ts";
import { bindProbe } from "./host/port-probe.ts";
import { openStore } from "./open-store.ts";
import { identifyProject, type KnownProject } from "./project.ts";
import type { PortRegistryOptions } from "./registry-options.ts";

/**
 * The same registry with the engine that starts its containers. An engine, or `false`, that was given to the constructor
 * is kept. Not a method, because only the container modules need it.
 */
export let withStartEngine: (registry: PortRegistry, engine: ContainerEngine) => PortRegistry;

/**
 * Assigns host ports to projects. Any number of processes may use one registry at once: no two projects get one port, and
 * no acknowledged assignment is lost.
 * @example
 * ```ts
 * import { PortRegistry } from "iris-ports/ports";
 *
 * const registry = new PortRegistry({ portRange: [1972, 1999] });
 * const { port } = await registry.assignPort("/home/dev/shop");
 * ```
 */
export class PortRegistry {
  static {
    withStartEngine = (registry, engine) => registry.#withStartEngine(engine);
  }

  /** First and last port to choose from. */
  readonly portRange: readonly [number, number];
  /** The engine that is asked for containers; undefined if none is. */
  readonly engine: ContainerEngine | undefined;
  readonly #options: PortRegistryOptions;
  readonly #context: RegistryContext;
  readonly #ownContainer: OwnContainer;
  /** Renews holders if processes of several hosts share the registry. */
  readonly #renewal: HolderRenewal | undefined;

  /** @throws InvalidArgumentError */
  constructor(options: PortRegistryOptions = {}) {
    this.portRange = resolvePortRange(options.portRange);
    const lockTimeoutMs = checkDurationMs(options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS, "lockTimeoutMs");
    const { registryPath, isDurable = true } = options;
    const engine = options.engine === false ? undefined : (options.engine ?? new DockerodeEngine());
    this.engine = engine;
    this.#ownContainer = new OwnContainer(engine);
    this.#options = options;
    const store = options.store ?? openStore({ registryPath, lockTimeoutMs, isDurable, engine });
    const { shared } = store;
    this.#renewal = shared && new HolderRenewal(store, shared);
    this.#context = {
      store,
      engine,
      clock: options.clock ?? (() => shared?.now() ?? new Date()),
      // The ports of a remote engine open on its host, so a probe here would say nothing about them.
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

  /** The document: an absolute path, or a URL without its password. */
  get registryPath(): string {
    return this.#context.store.location;
  }

  /** What `IRIS_PORT_REGISTRY` must be for another process to use this registry. A Redis URL may hold a password. */
  get registryAddress(): string {
    return this.#context.store.address ?? this.registryPath;
  }

  /**
   * Assigns the project its port: the one it has, else its former one, else the first without an assignment, a container
   * and a listener.
   * @param project a directory, by default `IRIS_PORTS_PROJECT`, else the working directory
   * @throws PortExhaustedError when all ports are taken, also after stale assignments were cleaned and `waitTimeoutMs`
   * @throws PortConflictError when `preferredPort`, which is a demand, or the web port is in use, or the project already has
   * another port, or a container on another one
   * @throws InvalidArgumentError, PortAssignmentTimeoutError, RegistryCorruptError, RegistryAccessError, RegistrySchemaError
   * @example
   * ```ts
   * import { PortRegistry } from "iris-ports/ports";
   *
   * const { port, containerName } = await new PortRegistry().assignPort("/home/dev/shop", {
   *   waitTimeoutMs: 60_000,
   *   onWait: ({ position }) => console.log(`place ${position} in the queue`),
   * });
   * console.log(`docker run --name ${containerName} --publish 127.0.0.1:${port}:1972 ...`);
   * ```
   */
  async assignPort(project?: string | KnownProject, options: AssignOptions = {}): Promise<PortAssignment> {
    return (await this.acquire(project, options)).assignment;
  }

  /** {@link assignPort} for modules that start containers. */
  async acquire(project?: string | KnownProject, options: AssignOptions = {}): Promise<Acquisition> {
    return this.#serve(await this.#request(project, options, []), decideAssignment, options);
  }

  /**
   * Gives up the project's port, which the engine refused, and takes another; all processes that wait for the same
   * container move with it.
   * @throws PortConflictError when the port was asked for by number, another kind of holder or the Python tool relies on
   * it, or a container of the project that no registry made publishes it
   * @throws PortExhaustedError and whatever {@link assignPort} throws
   */
  async reassign(
    project: string | KnownProject | undefined,
    options: AssignOptions & { readonly refusedPorts: readonly number[] },
  ): Promise<Acquisition> {
    return this.#serve(await this.#request(project, options, options.refusedPorts), decideReassignment, options);
  }

  /**
   * Announces that a holder leaves the project's container. If others still use it, the holder is removed at once. The
   * last one removes the container and then calls {@link releasePort}; processes that start meanwhile wait for that. A
   * `remover` does both in place of a manual holder, for which starts would wait even after the removing process was
   * interrupted. If the container is kept, even the last holder is removed at once, and the assignment stays as long as
   * the container.
   */
  async beginLeave(
    project: string | KnownProject | undefined,
    options: ProjectOptions & {
      readonly holder: Holder;
      readonly remover?: Holder;
      readonly isContainerKept?: boolean;
    },
  ): Promise<Leave> {
    const { projectKey: key } = identifyProject(project, options.instance);
    this.#renewal?.leave(key, options.holder.id);
    const isGone = await goneHolders(this.#context, key);
    const { holder, isContainerKept = false } = options;
    const remover = options.remover && (await this.#ownContainer.noteIn(checkHolder(options.remover)));
    const { store } = this.#context;
    return store.update(
      async (newest) => {
        // It is not renewed: whatever becomes of it, others wait for one lease at most.
        const leaver = remover && store.shared ? leased(remover, store.shared) : remover;
        const left = { holderId: holder.id, remover: leaver, isContainerKept };
        const { document, ...leave } = beginLeaveIn(newest, key, left, isGone);
        return { document, result: leave };
      },
      { isLockOptional: true },
    );
  }

  /**
   * Announces that a holder may be restarting the project's container until then, or no longer is. Starts meanwhile wait
   * for a container that has ended, instead of replacing it. Ends with the holder at the latest.
   */
  async announceRestart(
    project: string | KnownProject | undefined,
    { instance, holder, until }: ProjectOptions & { readonly holder: Holder; readonly until: Date | undefined },
  ): Promise<void> {
    const { projectKey: key } = identifyProject(project, instance);
    const { store } = this.#context;
    await store.update(
      async (newest) => {
        const end = until && store.shared ? timeOn(store.shared, until) : until;
        return { document: withRestart(newest, key, holder.id, end), result: undefined };
      },
      { isLockOptional: true },
    );
  }

  /**
   * Releases the port and returns the assignment: `released`, or still `active` if other holders remain. Without `holder`,
   * the port is released for all holders; with `isUseRespected`, only if no process or job holds it.
   * @throws PortNotAssignedError when the project has no port
   * @throws PortConflictError when the port is in use and `isUseRespected` is set
   * @example
   * ```ts
   * import { PortRegistry } from "iris-ports/ports";
   *
   * const { status } = await new PortRegistry().releasePort("/home/dev/shop");
   * console.log(status); // released
   * ```
   */
  async releasePort(
    project?: string | KnownProject,
    options: ProjectOptions & { readonly holder?: Holder; readonly isUseRespected?: boolean } = {},
  ): Promise<PortAssignment> {
    const { holder, isUseRespected } = options;
    const { projectKey: key } = await this.#named(project, options);
    // A holder whose release may be refused is renewed until then.
    if (!isUseRespected) this.#renewal?.leave(key, holder?.id);
    const isGone = await goneHolders(this.#context, key);
    const { assignment, users } = await this.#context.store.update(
      async (newest) => {
        const now = this.#context.clock();
        const { document, ...result } = releaseIn(newest, key, { holderId: holder?.id, isUseRespected }, isGone, now);
        return { document, result };
      },
      { isLockOptional: true },
    );
    if (assignment !== undefined && users.length > 0) throw inUseError(assignment, users, this.registryPath);
    this.#renewal?.leave(key, holder?.id);
    if (assignment === undefined) throw notAssignedError(key, this.registryPath);
    return assignment;
  }

  /** The project's assignment in the document; nothing is checked for evidence of use. */
  async getAssignment(
    project?: string | KnownProject,
    options: ProjectOptions = {},
  ): Promise<PortAssignment | undefined> {
    const { projectKey: key } = await this.#named(project, options);
    return entryOf(await this.#context.store.read(), key)?.assignment;
  }

  /** The project's assignment with its holders, the evidence, and the status that follows from it. */
  async inspect(project?: string | KnownProject, options: ProjectOptions = {}): Promise<ListedAssignment | undefined> {
    const { projectKey: key } = await this.#named(project, options);
    return (await this.listAll()).find((listed) => listed.projectKey === key);
  }

  /** The assignments of one holder, as the document has them, without checking whether they are in use. */
  async listHeld(holderId: string): Promise<PortAssignment[]> {
    return entriesOf(await this.#context.store.read())
      .filter(({ holders }) => holders.some(({ id }) => id === holderId))
      .map(({ assignment }) => assignment);
  }

  /**
   * Every assignment, `active` or `stale`, with its holders and the evidence, in the order of ports.
   * @example
   * ```ts
   * import { PortRegistry } from "iris-ports/ports";
   *
   * for (const { port, projectKey, status } of await new PortRegistry().listAll()) {
   *   console.log(port, projectKey, status);
   * }
   * ```
   */
  async listAll(): Promise<ListedAssignment[]> {
    return listAssignments(this.#context);
  }

  /** The queue for a port in its order, without waiters that are provably gone. */
  async listWaiting(): Promise<WaitingProject[]> {
    return listWaiting(this.#context);
  }

  /** Removes every assignment, in use or not, and forgets the former ports. Containers are left alone. */
  async clearAll(): Promise<PortAssignment[]> {
    const cleared = await this.#context.store.update(async (document) => {
      const released = entriesOf(document).map(({ assignment }) => ({ ...assignment, status: "released" as const }));
      return { document: emptied(document, this.#context.clock()), result: released };
    });
    this.#renewal?.leaveAll();
    return cleared;
  }

  /**
   * Removes what is provably unused: containers that were to live only as long as their holders, then every stale
   * assignment. Returns those assignments. If the engine does not answer, nothing is stale.
   */
  async cleanupStale(options: CleanOptions = {}): Promise<ListedAssignment[]> {
    return cleanUp(this.#context, options);
  }

  /**
   * Restores lost assignments from the labels of this registry's containers. An unreadable document is replaced, and its
   * bytes are kept beside it; a readable one keeps everything it has.
   * @throws ContainerEngineError when the document is unreadable and the engine does not answer, unless
   * `isEngineOptional`
   */
  async rebuild(options: RebuildOptions = {}): Promise<Rebuilt> {
    return rebuildDocument(this.#context, this.portRange, options);
  }

  #named(
    project: string | KnownProject | undefined,
    { instance, holder }: ProjectOptions & { readonly holder?: Holder },
  ): Promise<KnownProject> {
    return namedProject(this.#context.store, project, instance, holder?.id);
  }

  async #request(
    project: string | KnownProject | undefined,
    options: AssignOptions,
    refusedPorts: readonly number[],
  ): Promise<AssignRequest> {
    const identity = identifyProject(project, options.instance);
    const preferredPort =
      options.preferredPort === undefined ? undefined : checkPort(options.preferredPort, "preferredPort");
    // Before leftovers are removed for a request that cannot be met.
    if (options.hasWebPort && preferredPort !== undefined) checkWebPort(preferredPort);
    const given = options.holder === undefined ? await processHolder() : checkHolder(options.holder);
    const holder = await this.#ownContainer.noteIn(given);
    return {
      ...identity,
      holder,
      isRenewed: await endsWithThisProcess(holder),
      preferredPort,
      hasWebPort: options.hasWebPort ?? false,
      portRange: this.portRange,
      refusedPorts,
      waiterId: `${holder.id} ${identity.projectKey}`,
    };
  }

  async #serve(request: AssignRequest, decide: Decision, options: AssignOptions): Promise<Acquisition> {
    const acquisition = await acquirePort(this.#context, request, decide, options);
    if (request.isRenewed) await this.#renewal?.hold(acquisition);
    return acquisition;
  }
}
