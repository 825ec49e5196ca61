import { randomUUID } from "node:crypto";
import type { ContainerRuntimeClient, StartedTestContainer } from "testcontainers";
import { DockerodeEngine } from "../docker/dockerode-engine.ts";
import { PortRegistry } from "../docker/port-registry.ts";
import { checkPort, environment } from "../ports/config.ts";
import type { ContainerEngine } from "../ports/engine.ts";
import { InvalidArgumentError, PortConflictError } from "../ports/errors.ts";
import { LABEL_CREATOR, LABEL_FINGERPRINT, LABEL_LIFETIME } from "../ports/labels.ts";
import { identifyProject } from "../ports/project.ts";
import { connectEngine, pullImage, soleExposedPort } from "./container-image.ts";
import { checkMatch, publishedAddresses } from "./container-match.ts";
import { findContainer, type Inspected, removeCreatedBy } from "./engine-containers.ts";
import { engineWords, isPortRefused } from "./engine-refusal.ts";
import { fingerprint, type Part } from "./fingerprint.ts";
import { bindAddresses, type EngineReach, hostFor, ownAddresses } from "./host-address.ts";
import { startInProject } from "./project-start.ts";
import { type Publication, PublishedContainer } from "./published-container.ts";
import { RyukSession } from "./ryuk-session.ts";
import { typedStartError } from "./start-failure.ts";
import { type ContainerUse, StartedRegistryContainer } from "./started-registry-container.ts";
import { Tenancy } from "./tenancy.ts";

/** How long a start may wait for other starts of the same project, besides its own container's start-up time. */
const DEFAULT_TIMEOUT_MS = 180_000;

/** What a start needs to know of the engine. */
type Surroundings = {
  readonly client: ContainerRuntimeClient;
  readonly reach: EngineReach;
  readonly containerPort: number;
};

/**
 * A container of any image, one port of which gets the project's host port from the registry. Further starts of the same
 * project, in this process or another, join the container that runs.
 */
export class RegistryContainer extends PublishedContainer {
  /** A further port that goes to a registry port on demand; see `withWebPort()` of the class for IRIS. */
  protected readonly webContainerPort: number | undefined;
  protected isWebPortWanted = false;
  /** No image was asked for: one that runs already is as good as the default. */
  protected readonly isAnyImageFine: boolean = false;
  readonly #containerPort: number | undefined;
  #project: string | undefined;
  #instance: string | undefined;
  #registry: PortRegistry | string | undefined;
  #portRange: readonly [number, number] | string | undefined;
  #preferredPort: number | undefined;
  #bindAddress: string | undefined;
  #isRegistryUsed = true;
  #isReused = false;
  #lastStart: Promise<unknown> = Promise.resolve();

  /** @param containerPort the port inside the container; default: the only one that the image exposes */
  constructor(image: string, containerPort?: number) {
    super(image);
    this.#containerPort = containerPort === undefined ? undefined : checkPort(containerPort, "containerPort");
  }

  /** The directory the port belongs to. @default `IRIS_PORTS_PROJECT`, else the working directory */
  withProject(path: string): this {
    this.#project = identifyProject(path).projectPath;
    return this;
  }

  /** A name for one more container of the same project, beside the one without: it has a port of its own. */
  withInstance(name: string): this {
    this.#instance = identifyProject("/", name).instance;
    return this;
  }

  /** The registry, or the path of its document. @default `IRIS_PORT_REGISTRY`, else the one of this user */
  withRegistry(registry: PortRegistry | string): this {
    this.#registry = registry;
    return this;
  }

  /** The ports to choose from: first and last, or `"1972-1981"`. @default `IRIS_PORT_RANGE`, else 1972-1981 */
  withPortRange(portRange: readonly [number, number] | string): this {
    this.#portRange = portRange;
    return this;
  }

  /** This host port and no other, inside the range or not. */
  withPort(port: number): this {
    this.#preferredPort = checkPort(port, "port");
    return this;
  }

  /** The host address to publish on. @default `127.0.0.1` with a local engine, else all addresses */
  withBindAddress(address: string): this {
    this.#bindAddress = address;
    return this;
  }

  /** Goes without project and registry: the host port is the container port, and nothing is written. */
  withoutPortRegistry(): this {
    this.#isRegistryUsed = false;
    return this;
  }

  /**
   * The container outlives this process, and the next start of the project finds it. `stop()` of its last user removes it.
   * With `TESTCONTAINERS_REUSE_ENABLE=false` this changes nothing.
   */
  override withReuse(): this {
    this.#isReused = true;
    return this;
  }

  /**
   * Makes or joins the project's container.
   * @throws ContainerStartError when it does not become usable, with the last lines of its log
   * @throws ContainerMismatchError when the project's container runs already and is another one than asked for
   * @throws ContainerEngineError when the engine does not answer
   * @throws PortConflictError, PortExhaustedError and whatever else `PortRegistry.assignPort` throws
   */
  override async start(): Promise<StartedRegistryContainer> {
    return new StartedRegistryContainer(await this.startUse());
  }

  /** One start after the other: each sets up the same object for itself. */
  protected startUse(): Promise<ContainerUse> {
    const start = () => this.#start();
    const use = this.#lastStart.then(start, start);
    this.#lastStart = use;
    return use;
  }

  protected override configuration(): readonly Part[] {
    const address = this.#bindAddress;
    return [...super.configuration(), ...(address === undefined ? [] : [{ name: "bind address", value: address }])];
  }

  async #start(): Promise<ContainerUse> {
    const registry = this.#isRegistryUsed ? this.#openRegistry() : undefined;
    const engine = registry?.engine ?? new DockerodeEngine();
    try {
      if (registry === undefined) return await this.#startOutside(await this.#lookAround(engine, undefined));
      // Before an image is pulled for it.
      identifyProject(this.#project, this.#instance);
      this.checkUnnamed();
      return await this.#startInRegistry(registry, await this.#lookAround(engine, registry));
    } catch (error) {
      throw typedStartError(error, engine.endpoint, this.imageName.string);
    }
  }

  #openRegistry(): PortRegistry {
    const registry = this.#registry;
    const portRange = this.#portRange === undefined ? {} : { portRange: this.#portRange };
    if (registry === undefined) return new PortRegistry(portRange);
    if (typeof registry === "string") return new PortRegistry({ ...portRange, registryPath: registry });
    if (this.#portRange === undefined) return registry;
    throw new InvalidArgumentError({
      what: "The registry that was given has a range of ports already.",
      remedy: "give it its range when it is made: new PortRegistry({ portRange }), and leave withPortRange() out",
      argument: "portRange",
      value: this.#portRange,
    });
  }

  async #lookAround(engine: ContainerEngine, registry: PortRegistry | undefined): Promise<Surroundings> {
    const client = await connectEngine(engine);
    if (!(await this.#isAnyRunning(client, registry)))
      await pullImage(client, this.imageName, this.pullPolicy, this.createOpts.platform);
    const containerPort = this.#containerPort ?? (await soleExposedPort(client, this.imageName));
    const { host } = client.info.containerRuntime;
    const reach = { isLocal: engine.isLocal, testcontainersHost: host, ownAddresses: ownAddresses() };
    return { client, containerPort, reach };
  }

  /** True where no image has to be pulled, because none was asked for and one runs: the step before has started it. */
  async #isAnyRunning(client: ContainerRuntimeClient, registry: PortRegistry | undefined): Promise<boolean> {
    if (!this.isAnyImageFine || registry === undefined) return false;
    const assignment = await registry.getAssignment(this.#project, this.#instanceOption);
    return assignment !== undefined && (await findContainer(client, assignment.containerName))?.State.Running === true;
  }

  async #startInRegistry(
    registry: PortRegistry,
    { client, reach, containerPort }: Surroundings,
  ): Promise<ContainerUse> {
    const isReused = this.#isReused && environment().testcontainersReuseEnable !== "false";
    const isKept = isReused || !this.autoCleanup;
    const addresses = bindAddresses(reach, this.#bindAddress);
    const tenancy = await Tenancy.begin(registry, {
      project: this.#project,
      ...this.#instanceOption,
      ...(this.#preferredPort === undefined ? {} : { preferredPort: this.#preferredPort }),
      hasWebPort: this.isWebPortWanted,
    });
    let session: RyukSession | undefined;
    const create = async () => {
      const { port, webPort, containerName } = tenancy.assignment;
      const configured = await fingerprint(this.configuration());
      const labels = {
        ...tenancy.labels(isKept ? "kept" : "holders"),
        ...(configured === undefined ? {} : { [LABEL_FINGERPRINT]: configured }),
      };
      const publications = this.#publications(containerPort, port, webPort, addresses);
      return this.create({ publications, name: containerName, labels, isKept });
    };
    const join = async (running: Inspected): Promise<StartedTestContainer> => {
      session?.close();
      const wanted = { containerPort, isWebPortWanted: this.isWebPortWanted, parts: this.configuration() };
      const imageName = this.isAnyImageFine ? undefined : this.imageName;
      await checkMatch(client, tenancy.assignment, running, { ...wanted, imageName });
      session = await RyukSession.keep(client, running.Config.Labels);
      return this.joinRunning(client, running, [containerPort, this.webContainerPort ?? containerPort]);
    };
    try {
      const timeoutMs = this.startupTimeoutMs ?? DEFAULT_TIMEOUT_MS;
      const { container, joined } = await startInProject(client, tenancy, { create, join }, timeoutMs);
      const published = joined === undefined ? addresses : publishedAddresses(joined, containerPort);
      const isOthersToKeep = joined?.Config.Labels[LABEL_LIFETIME] === "kept" && !isKept;
      const host = hostFor(reach, published);
      const isRemovedByStop = this.autoRemove;
      return { container, containerPort, host, tenancy, isKept: isOthersToKeep, isRemovedByStop, session };
    } catch (error) {
      session?.close();
      throw error;
    }
  }

  async #startOutside({ client, reach, containerPort }: Surroundings): Promise<ContainerUse> {
    const hostPort = this.#preferredPort ?? containerPort;
    const webPort = this.isWebPortWanted ? this.webContainerPort : undefined;
    const addresses = bindAddresses(reach, this.#bindAddress);
    const creator = `start:${randomUUID()}`;
    const publications = this.#publications(containerPort, hostPort, webPort, addresses);
    const isKept = this.#isReused || !this.autoCleanup;
    try {
      const container = await this.create({ publications, labels: { [LABEL_CREATOR]: creator }, isKept });
      const host = hostFor(reach, addresses);
      const isRemovedByStop = this.autoRemove;
      return { container, containerPort, host, tenancy: undefined, isKept: false, isRemovedByStop, session: undefined };
    } catch (error) {
      await removeCreatedBy(client, creator);
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

  #publications(containerPort: number, port: number, webPort: number | undefined, addresses: readonly string[]) {
    const publications: Publication[] = [{ containerPort, hostPort: port, addresses }];
    if (this.webContainerPort === undefined) return publications;
    // On two addresses the engine would choose two ports.
    const webAddresses = webPort === undefined ? addresses.slice(0, 1) : addresses;
    return [...publications, { containerPort: this.webContainerPort, hostPort: webPort ?? 0, addresses: webAddresses }];
  }

  get #instanceOption(): { readonly instance?: string } {
    return this.#instance === undefined ? {} : { instance: this.#instance };
  }
}
