import { randomUUID } from "node:crypto";
import type { ContainerRuntimeClient, StartedTestContainer } from "testcontainers";
import { DockerodeEngine } from "../docker/dockerode-engine.ts";
import type { ContainerEngine } from "../docker/engine.ts";
import { engineWords } from "../docker/engine-error-kinds.ts";
import { type InspectedContainer, tcpKey } from "../docker/inspected-container.ts";
import { InvalidArgumentError } from "../errors/errors.ts";
import { IRIS_STARTUP_TIMEOUT_MS } from "../iris/image.ts";
import { LIBRARY_ADVICE } from "../lifecycle/advice.ts";
import { findProjectContainer, isSureToStay } from "../lifecycle/find-container.ts";
import { fingerprint, type Part } from "../lifecycle/fingerprint.ts";
import { Lease } from "../lifecycle/lease.ts";
import type { ExposedPort, WantedContainer } from "../lifecycle/match.ts";
import { isPortRefused } from "../lifecycle/port-refusal.ts";
import { bindAddresses, hostsOf, publishedAddresses, reachOf } from "../lifecycle/reach.ts";
import { ProjectStart } from "../lifecycle/start.ts";
import { typedStartError } from "../lifecycle/start-failure.ts";
import { PortConflictError } from "../registry/errors.ts";
import { LABEL_CREATOR, LABEL_FINGERPRINT, LABEL_LIFETIME } from "../registry/labels.ts";
import { identifyProject } from "../registry/project.ts";
import { PortRegistry } from "../registry/registry.ts";
import { environment } from "../settings/config.ts";
import type { ContainerUse } from "./container-use.ts";
import { connectEngine, pullImage, soleExposedPort } from "./engine/container-image.ts";
import { OpenRequests } from "./engine/open-requests.ts";
import { RyukSession } from "./engine/ryuk-session.ts";
import { checkConfigured, engineOfTestcontainers, registryOn } from "./engine/testcontainers-engine.ts";
import { TestcontainersHost } from "./engine/testcontainers-host.ts";
import {
  checkHostPort,
  checkNetworkMode,
  checkReachable,
  checkUnnamed,
  namedHostPort,
} from "./options/option-checks.ts";
import { exposedPort } from "./options/port-bindings.ts";
import { PublishedContainer } from "./published-container.ts";
import type { Publication, ServedPort, StartContext } from "./start-context.ts";

/** The settings of a container; undefined means the default. */
type ProjectSettings = {
  containerPort?: number | undefined;
  project?: string | undefined;
  instance?: string | undefined;
  registry?: PortRegistry | string | undefined;
  portRange?: readonly [number, number] | string | undefined;
  preferredPort?: number | undefined;
  bindAddress?: string | undefined;
  isRegistryUsed: boolean;
  isReused: boolean;
  isWebPortWanted: boolean;
};

/** A container on its project's port or, without a registry, on its own container port. */
export abstract class ProjectContainer extends PublishedContainer {
  protected readonly settings: ProjectSettings = { isRegistryUsed: true, isReused: false, isWebPortWanted: false };
  /** Another port, published on a random host port or on the assignment's web port. */
  protected readonly webContainerPort: number | undefined;
  /** True if the caller named no image, so any running container of the project will do. */
  protected readonly isAnyImageFine: boolean = false;
  #lastStart: Promise<unknown> = Promise.resolve();

  /** Starts of one object run one after the other, because each changes the object's options. */
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

  async #start(): Promise<ContainerUse> {
    const requests = new OpenRequests();
    try {
      return await requests.during(() => this.#startWith(requests));
    } catch (error) {
      requests.giveUp();
      throw error;
    }
  }

  async #startWith(requests: OpenRequests): Promise<ContainerUse> {
    const configured = this.settings.isRegistryUsed ? this.#openRegistry() : undefined;
    let engine: ContainerEngine = configured?.engine ?? new DockerodeEngine();
    try {
      checkNetworkMode(this.networkMode);
      await this.prepareCopies();
      if (configured !== undefined) {
        // Checked before an image is pulled.
        identifyProject(this.settings.project, this.settings.instance);
        checkUnnamed(this.createOpts.name);
      }
      const client = await connectEngine(engine);
      const startEngine = engineOfTestcontainers(client);
      engine = startEngine;
      await checkConfigured(startEngine);
      const registry = configured && (await registryOn(startEngine, configured));
      const context = await this.#lookAround(client, engine, registry);
      const use = await (registry === undefined
        ? this.#startAlone(engine, context)
        : this.#startInRegistry(registry, context));
      return { ...use, requests };
    } catch (error) {
      throw await typedStartError(error, engine, this.imageName.string);
    }
  }

  #openRegistry(): PortRegistry {
    const { registry, portRange } = this.settings;
    if (registry === undefined || typeof registry === "string")
      return new PortRegistry({ portRange, registryPath: registry });
    if (portRange === undefined) return registry;
    throw new InvalidArgumentError({
      what: "withPortRange() cannot change the range of the registry that withRegistry() was given.",
      remedy: "give the range to the registry, new PortRegistry({ portRange }), and leave withPortRange() out",
      argument: "portRange",
      value: portRange,
    });
  }

  async #lookAround(
    client: ContainerRuntimeClient,
    engine: ContainerEngine,
    registry: PortRegistry | undefined,
  ): Promise<StartContext> {
    const host = new TestcontainersHost(client, engine.endpoint);
    if (!(await this.#isImageSuperfluous(host, registry)))
      await pullImage(host, this.imageName, this.pullPolicy, this.createOpts.platform);
    const { bindAddress, isWebPortWanted } = this.settings;
    const { host: knownHost, hostIps } = client.info.containerRuntime;
    checkReachable(bindAddress, knownHost, hostIps);
    const containerPort = this.settings.containerPort ?? (await soleExposedPort(host, this.imageName));
    checkHostPort(this.#exposed, containerPort, "withPort()");
    if (isWebPortWanted && this.webContainerPort !== undefined)
      checkHostPort(this.#exposed, this.webContainerPort, "withWebPort()");
    const { isLocal, endpoint } = engine;
    // Testcontainers knows the host of the engine's ports, also inside a container.
    const reach = await reachOf({ isLocal, endpoint, knownHost, isInContainer: false });
    return { host, reach, containerPort, addresses: bindAddresses(reach, bindAddress) };
  }

  /**
   * True if no image must be pulled, because a container of the project runs already: it is joined, or refused for its
   * other image. The image is needed to find out the container's port if none was named.
   */
  async #isImageSuperfluous(host: TestcontainersHost, registry: PortRegistry | undefined): Promise<boolean> {
    const { project, instance, containerPort } = this.settings;
    if (registry === undefined || containerPort === undefined) return false;
    if (!this.isAnyImageFine && this.pullPolicy.shouldPull() === true) return false;
    const assignment = await registry.getAssignment(project, { instance });
    if (assignment === undefined) return false;
    const found = await findProjectContainer(host, registry.registryPath, assignment);
    if (found === undefined) return false;
    return this.isAnyImageFine ? found.isRunning : isSureToStay(found, registry.registryPath, assignment);
  }

  async #startInRegistry(registry: PortRegistry, context: StartContext): Promise<Omit<ContainerUse, "requests">> {
    const { host, reach, containerPort, addresses } = context;
    const { project, instance, preferredPort, isReused, isWebPortWanted } = this.settings;
    const lease = await Lease.begin(registry, { project, instance, preferredPort, hasWebPort: isWebPortWanted });
    const isKept = (isReused && environment().testcontainersReuseEnable !== "false") || !this.autoCleanup;
    let session: RyukSession | undefined;
    const join = async (running: InspectedContainer): Promise<StartedTestContainer> => {
      session?.close();
      session = await RyukSession.keep(host.client, running.labels);
      const joined = await this.joinRunning(context, running, this.#servedPorts(containerPort));
      await this.containerJoined(joined);
      return joined;
    };
    const wanted = this.#wanted(containerPort);
    const timeoutMs = this.startupTimeoutMs ?? IRIS_STARTUP_TIMEOUT_MS;
    try {
      const { use, joined } = await new ProjectStart<StartedTestContainer>(
        { host, lease, wanted, timeoutMs },
        {
          create: () => this.#createFor(lease, context, isKept),
          join,
          diagnose: (log) => this.diagnose(log),
        },
      ).run();
      const published = joined === undefined ? addresses : publishedAddresses(joined.bindings[tcpKey(containerPort)]);
      const isOthersToKeep = joined?.labels[LABEL_LIFETIME] === "kept" && !isKept;
      const end = {
        isKept: isOthersToKeep,
        isRemovedByStop: this.autoRemove,
        session,
        log: this.followedLog,
        wait: this.guard,
      };
      const address = hostsOf(reach, published)[0] as string;
      return { container: use, containerPort, host, address, lease, ...end };
    } catch (error) {
      session?.close();
      throw error;
    }
  }

  /** Waits until the process that made a joined container has prepared it. */
  protected async containerJoined(_container: StartedTestContainer): Promise<void> {}

  async #createFor(lease: Lease, context: StartContext, isKept: boolean): Promise<StartedTestContainer> {
    const { port, webPort, containerName } = lease.assignment;
    const mark = await fingerprint(this.configuration());
    const labels = {
      ...lease.labels(isKept ? "kept" : "holders"),
      ...(mark === undefined ? {} : { [LABEL_FINGERPRINT]: mark }),
    };
    const publications = this.#publications(context, port, webPort);
    return this.create(context, { publications, name: containerName, labels, isKept });
  }

  #wanted(containerPort: number): WantedContainer {
    return {
      image: this.isAnyImageFine ? undefined : this.imageName.string,
      containerPort,
      isWebPortWanted: this.settings.isWebPortWanted,
      parts: this.configuration(),
      exposed: this.#exposed,
      networkMode: this.networkMode,
      networkAliases: this.networkAliases,
      advice: LIBRARY_ADVICE,
    };
  }

  async #startAlone(engine: ContainerEngine, context: StartContext): Promise<Omit<ContainerUse, "requests">> {
    const { host, reach, containerPort, addresses } = context;
    const { preferredPort, isWebPortWanted, isReused } = this.settings;
    const hostPort = preferredPort ?? containerPort;
    const webPort = isWebPortWanted ? this.webContainerPort : undefined;
    const publications = this.#publications(context, hostPort, webPort);
    const creator = randomUUID();
    // Not for a reused container, which is found by its labels.
    const labels = isReused ? {} : { [LABEL_CREATOR]: creator };
    try {
      const container = await this.create(context, { publications, labels, isReused });
      const end = {
        isKept: false,
        isRemovedByStop: this.autoRemove,
        session: undefined,
        log: undefined,
        wait: this.guard,
      };
      const address = hostsOf(reach, addresses)[0] as string;
      // Testcontainers does not tell whether it found a container to reuse.
      if (isReused) await this.containerJoined(container);
      return { container, containerPort, host, address, lease: undefined, ...end };
    } catch (error) {
      await this.removeCreated(host, creator);
      if (!(await isPortRefused(error, [hostPort, webPort ?? hostPort], engine))) throw error;
      throw new PortConflictError({
        what: `Port ${hostPort} is taken, and a container without a registry does not move to another port.`,
        state: `The engine reports: ${engineWords(error)}`,
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

  /** A start waits for the web port only if it was requested. */
  #servedPorts(containerPort: number): ServedPort[] {
    const main = { containerPort, isAwaited: true };
    if (this.webContainerPort === undefined) return [main];
    return [main, { containerPort: this.webContainerPort, isAwaited: this.settings.isWebPortWanted }];
  }

  get #exposed(): readonly ExposedPort[] {
    return this.exposedPorts.map(exposedPort);
  }
}
