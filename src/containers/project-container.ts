import { randomUUID } from "node:crypto";
import type { ContainerRuntimeClient, StartedTestContainer } from "testcontainers";
import { DockerodeEngine } from "../docker/dockerode-engine.ts";
import type { ContainerEngine } from "../docker/engine.ts";
import { engineWords, isPortRefused } from "../docker/engine-error-kinds.ts";
import { InvalidArgumentError } from "../errors/errors.ts";
import { fingerprint, type Part } from "../lifecycle/fingerprint.ts";
import { Lease } from "../lifecycle/lease.ts";
import { PortConflictError } from "../registry/errors.ts";
import { LABEL_CREATOR, LABEL_FINGERPRINT, LABEL_LIFETIME } from "../registry/labels.ts";
import { identifyProject } from "../registry/project.ts";
import { PortRegistry } from "../registry/registry.ts";
import { environment } from "../settings/config.ts";
import { connectEngine, pullImage, soleExposedPort } from "./engine/container-image.ts";
import { findContainer, type Inspected } from "./engine/engine-containers.ts";
import { bindAddresses, type EngineReach, hostFor, reachOf } from "./engine/host-address.ts";
import { RyukSession } from "./engine/ryuk-session.ts";
import { typedStartError } from "./engine/start-failure.ts";
import { checkConfigured, engineOfTestcontainers, registryOn } from "./engine/testcontainers-engine.ts";
import { checkMatch } from "./options/container-match.ts";
import {
  checkHostPort,
  checkNetworkMode,
  checkReachable,
  checkUnnamed,
  namedHostPort,
} from "./options/option-checks.ts";
import { type ExposedPort, exposedPort, publishedAddresses, tcpKey } from "./options/port-bindings.ts";
import { ProjectStart } from "./project-start.ts";
import { type Publication, PublishedContainer, type ServedPort } from "./published-container.ts";
import type { ContainerUse } from "./started-registry-container.ts";

/** How long a start may wait for other starts of the same project, besides its own container's start-up time. */
const DEFAULT_TIMEOUT_MS = 180_000;

/** What the user of a container has asked for; undefined is the default. */
type ProjectSettings = {
  containerPort?: number;
  project?: string;
  instance?: string | undefined;
  registry?: PortRegistry | string;
  portRange?: readonly [number, number] | string;
  preferredPort?: number;
  bindAddress?: string;
  isRegistryUsed: boolean;
  isReused: boolean;
  isWebPortWanted: boolean;
};

/** What a start finds before it does anything. */
type StartContext = {
  readonly client: ContainerRuntimeClient;
  readonly containerPort: number;
  /** The host addresses to publish on. */
  readonly addresses: readonly string[];
};

/** How a container is started: on its project's port, or, without a registry, on its own. */
export abstract class ProjectContainer extends PublishedContainer {
  protected readonly settings: ProjectSettings = { isRegistryUsed: true, isReused: false, isWebPortWanted: false };
  /** A further port, which goes to a random host port or, if wanted, to the assignment's web port. */
  protected readonly webContainerPort: number | undefined;
  /** No image was asked for: one that runs already is as good as the default. */
  protected readonly isAnyImageFine: boolean = false;
  #lastStart: Promise<unknown> = Promise.resolve();
  #reach: EngineReach | undefined;

  /** One start after the other: each sets up the same object for itself. */
  protected startUse(): Promise<ContainerUse> {
    const start = () => this.#start();
    const use = this.#lastStart.then(start, start);
    this.#lastStart = use;
    return use;
  }

  protected override configuration(): readonly Part[] {
    const { bindAddress } = this.settings;
    const parts = super.configuration();
    return bindAddress === undefined ? parts : [...parts, { name: "bind address", value: bindAddress }];
  }

  protected override hostOf(addresses: readonly string[]): string {
    if (this.#reach === undefined)
      throw new Error("where the engine's ports open is known only after a start has begun");
    return hostFor(this.#reach, addresses);
  }

  async #start(): Promise<ContainerUse> {
    const configured = this.settings.isRegistryUsed ? this.#openRegistry() : undefined;
    let engine: ContainerEngine = configured?.engine ?? new DockerodeEngine();
    try {
      checkNetworkMode(this.networkMode);
      await this.prepareCopies();
      if (configured !== undefined) {
        // Before an image is pulled for it.
        identifyProject(this.settings.project, this.settings.instance);
        checkUnnamed(this.createOpts.name);
      }
      const client = await connectEngine(engine);
      const startEngine = engineOfTestcontainers(client);
      engine = startEngine;
      await checkConfigured(startEngine);
      const registry = configured && (await registryOn(startEngine, configured));
      const context = await this.#lookAround(client, engine, registry);
      return await (registry === undefined ? this.#startAlone(context) : this.#startInRegistry(registry, context));
    } catch (error) {
      throw await typedStartError(error, engine, this.imageName.string);
    }
  }

  #openRegistry(): PortRegistry {
    const { registry, portRange } = this.settings;
    const range = portRange === undefined ? {} : { portRange };
    if (registry === undefined) return new PortRegistry(range);
    if (typeof registry === "string") return new PortRegistry({ ...range, registryPath: registry });
    if (portRange === undefined) return registry;
    throw new InvalidArgumentError({
      what: "The registry that was given has a range of ports already.",
      remedy: "give it its range when it is made: new PortRegistry({ portRange }), and leave withPortRange() out",
      argument: "portRange",
      value: portRange,
    });
  }

  async #lookAround(
    client: ContainerRuntimeClient,
    engine: ContainerEngine,
    registry: PortRegistry | undefined,
  ): Promise<StartContext> {
    if (!(await this.#isAnyRunning(client, registry)))
      await pullImage(client, this.imageName, this.pullPolicy, this.createOpts.platform);
    const { bindAddress, isWebPortWanted } = this.settings;
    const { host, hostIps } = client.info.containerRuntime;
    checkReachable(bindAddress, host, hostIps);
    const containerPort = this.settings.containerPort ?? (await soleExposedPort(client, this.imageName));
    checkHostPort(this.#exposed, containerPort, "withPort()");
    if (isWebPortWanted && this.webContainerPort !== undefined)
      checkHostPort(this.#exposed, this.webContainerPort, "withWebPort()");
    this.#reach = await reachOf(engine.isLocal, host);
    return { client, containerPort, addresses: bindAddresses(this.#reach, bindAddress) };
  }

  /** True if no image has to be pulled, because none was asked for and one runs: the step before has started it. */
  async #isAnyRunning(client: ContainerRuntimeClient, registry: PortRegistry | undefined): Promise<boolean> {
    if (!this.isAnyImageFine || registry === undefined) return false;
    const assignment = await registry.getAssignment(this.settings.project, this.#instanceOption);
    return assignment !== undefined && (await findContainer(client, assignment.containerName))?.State.Running === true;
  }

  async #startInRegistry(registry: PortRegistry, context: StartContext): Promise<ContainerUse> {
    const { client, containerPort, addresses } = context;
    const { project, preferredPort, isReused, isWebPortWanted } = this.settings;
    const lease = await Lease.begin(registry, {
      project,
      ...this.#instanceOption,
      ...(preferredPort === undefined ? {} : { preferredPort }),
      hasWebPort: isWebPortWanted,
    });
    const isKept = (isReused && environment().testcontainersReuseEnable !== "false") || !this.autoCleanup;
    let session: RyukSession | undefined;
    const create = () => this.#create(lease, context, isKept);
    const diagnose = (log: string) => this.diagnose(log);
    const join = async (running: Inspected): Promise<StartedTestContainer> => {
      await this.#checkMatch(lease, context, running);
      session?.close();
      session = await RyukSession.keep(client, running.Config.Labels);
      return this.joinRunning(client, running, this.#servedPorts(containerPort));
    };
    try {
      const timeoutMs = this.startupTimeoutMs ?? DEFAULT_TIMEOUT_MS;
      const { container, joined } = await new ProjectStart(client, lease, { create, join, diagnose }).run(timeoutMs);
      const published = joined === undefined ? addresses : publishedAddresses(joined, tcpKey(containerPort));
      const isOthersToKeep = joined?.Config.Labels[LABEL_LIFETIME] === "kept" && !isKept;
      const end = { isKept: isOthersToKeep, isRemovedByStop: this.autoRemove, session, log: this.followedLog };
      return { container, containerPort, host: this.hostOf(published), lease, ...end };
    } catch (error) {
      session?.close();
      throw error;
    }
  }

  async #create(lease: Lease, context: StartContext, isKept: boolean): Promise<StartedTestContainer> {
    const { port, webPort, containerName } = lease.assignment;
    const mark = await fingerprint(this.configuration());
    const labels = {
      ...lease.labels(isKept ? "kept" : "holders"),
      ...(mark === undefined ? {} : { [LABEL_FINGERPRINT]: mark }),
    };
    const publications = this.#publications(context, port, webPort);
    const { addresses } = context;
    return this.create({ publications, addresses, name: containerName, labels, isKept });
  }

  async #checkMatch(lease: Lease, { client, containerPort }: StartContext, running: Inspected): Promise<void> {
    await checkMatch(client, lease.assignment, running, {
      imageName: this.isAnyImageFine ? undefined : this.imageName,
      containerPort,
      isWebPortWanted: this.settings.isWebPortWanted,
      parts: this.configuration(),
      exposed: this.#exposed,
      networkMode: this.networkMode,
      networkAliases: this.networkAliases,
    });
  }

  async #startAlone(context: StartContext): Promise<ContainerUse> {
    const { containerPort, addresses } = context;
    const { preferredPort, isWebPortWanted, isReused } = this.settings;
    const hostPort = preferredPort ?? containerPort;
    const webPort = isWebPortWanted ? this.webContainerPort : undefined;
    const publications = this.#publications(context, hostPort, webPort);
    const creator = randomUUID();
    // Not on one to be reused, which is found by its labels among others.
    const labels = isReused ? {} : { [LABEL_CREATOR]: creator };
    try {
      const container = await this.create({ publications, addresses, labels, isReused });
      const end = { isKept: false, isRemovedByStop: this.autoRemove, session: undefined, log: undefined };
      return { container, containerPort, host: this.hostOf(addresses), lease: undefined, ...end };
    } catch (error) {
      await this.removeCreated(context.client, creator);
      if (!isPortRefused(error, [hostPort, webPort ?? hostPort])) throw error;
      throw new PortConflictError({
        what: `Port ${hostPort} is taken, and without a registry the container goes to no other.`,
        state: `The engine says: ${engineWords(error)}`,
        remedy:
          "leave withoutPortRegistry() out, so that every project gets a port of its own, or stop what listens there",
        port: hostPort,
        occupant: { kind: "listener", port: hostPort, name: "" },
        cause: error,
      });
    }
  }

  #publications({ containerPort }: StartContext, port: number, webPort: number | undefined): Publication[] {
    const web = this.webContainerPort;
    const hostPort = webPort ?? (web === undefined ? undefined : namedHostPort(this.#exposed, web)) ?? 0;
    return this.#servedPorts(containerPort).map((served) => ({
      ...served,
      hostPort: served.containerPort === containerPort ? port : hostPort,
    }));
  }

  /** The web port is there for who wants to look at it: no start waits for it unless it was asked for. */
  #servedPorts(containerPort: number): ServedPort[] {
    const main = { containerPort, isAwaited: true };
    if (this.webContainerPort === undefined) return [main];
    return [main, { containerPort: this.webContainerPort, isAwaited: this.settings.isWebPortWanted }];
  }

  get #exposed(): readonly ExposedPort[] {
    return this.exposedPorts.map(exposedPort);
  }

  get #instanceOption(): { readonly instance?: string } {
    const { instance } = this.settings;
    return instance === undefined ? {} : { instance };
  }
}
