import { identifyProject } from "../registry/project.ts";
import { PortRegistry } from "../registry/registry.ts";
import { checkPort, checkText } from "../settings/checks.ts";
import { bindAddress } from "./options/option-checks.ts";
import { ProjectContainer } from "./project-container.ts";
import { StartedRegistryContainer } from "./started-registry-container.ts";

/**
 * A container of any image, with one of its ports on the project's host port. Further starts of the same project, in this
 * or another process, join the running container.
 * @example
 * ```ts
 * import { RegistryContainer } from "iris-ports";
 *
 * await using redis = await new RegistryContainer("redis:8", 6379).withInstance("cache").start();
 * console.log(redis.getHost(), redis.getPort());
 * ```
 */
export class RegistryContainer extends ProjectContainer {
  /** @param containerPort the port inside the container; default: the only port that the image exposes */
  constructor(image: string, containerPort?: number) {
    super(checkText(image, "image"));
    if (containerPort !== undefined) this.settings.containerPort = checkPort(containerPort, "containerPort");
  }

  /** The directory that owns the port. @default `IRIS_PORTS_PROJECT`, else the working directory */
  withProject(path: string): this {
    this.settings.project = identifyProject(path).projectPath;
    return this;
  }

  /**
   * The name of another container of the same project, with its own port.
   * @example
   * ```ts
   * import { IrisRegistryContainer } from "iris-ports";
   *
   * await using primary = await new IrisRegistryContainer().start();
   * await using mirror = await new IrisRegistryContainer().withInstance("mirror").start();
   * ```
   */
  withInstance(name: string): this {
    this.settings.instance = identifyProject("/", name).instance;
    return this;
  }

  /** The registry, or the path of its document. @default `IRIS_PORT_REGISTRY`, else this user's registry */
  withRegistry(registry: PortRegistry | string): this {
    const isRegistry = registry === undefined || registry instanceof PortRegistry;
    this.settings.registry = isRegistry ? registry : checkText(registry, "registry");
    return this;
  }

  /** The ports to choose from: `[first, last]`, or `"1972-1981"`. @default `IRIS_PORT_RANGE`, else 1972-1981 */
  withPortRange(portRange: readonly [number, number] | string): this {
    this.settings.portRange = portRange;
    return this;
  }

  /** Demands exactly this host port, even outside the range. `start()` throws a PortConflictError if the port is taken. */
  withPort(port: number): this {
    this.settings.preferredPort = checkPort(port, "port");
    return this;
  }

  /**
   * The IP address of the engine's host to publish on, or `localhost`.
   * @default `127.0.0.1` with a local engine, else all addresses
   * @throws InvalidArgumentError when it is another name, or empty
   */
  withBindAddress(address: string): this {
    this.settings.bindAddress = bindAddress(address);
    return this;
  }

  /** Uses no project and no registry: the host port is the container port, and nothing is written. */
  withoutPortRegistry(): this {
    this.settings.isRegistryUsed = false;
    return this;
  }

  /**
   * The container outlives this process, and the next start of the project joins it on the same port. It is removed when its
   * last user calls `stop()`. Has no effect with `TESTCONTAINERS_REUSE_ENABLE=false`.
   * @example
   * ```ts
   * import { IrisRegistryContainer } from "iris-ports";
   *
   * const iris = await new IrisRegistryContainer().withReuse().start(); // not stopped: the next run finds it
   * ```
   */
  override withReuse(): this {
    this.settings.isReused = true;
    return this;
  }

  /**
   * Creates or joins the project's container.
   * @throws ContainerStartError when it does not become usable, with the last lines of its log
   * @throws ContainerMismatchError when the project's container runs with another image or configuration
   * @throws ContainerEngineError when the engine does not answer
   * @throws PortConflictError, PortExhaustedError and whatever else `PortRegistry.assignPort` throws
   */
  override async start(): Promise<StartedRegistryContainer> {
    return new StartedRegistryContainer(await this.startUse());
  }
}
