import type { Readable } from "node:stream";
import {
  AbstractStartedContainer,
  type CommitOptions,
  type ExecOptions,
  type ExecResult,
  type RestartOptions,
  type StopOptions,
  type StoppedTestContainer,
} from "testcontainers";
import type { PortAssignment } from "../registry/assignment.ts";
import { checkOptions } from "../settings/checks.ts";
import { type ContainerUse, commitContainer, restartContainer, type Shutdown } from "./container-use.ts";
import { wholeCharacters } from "./engine/whole-characters.ts";
import { leaveContainer } from "./leave-container.ts";

/** A started container on its project's port. Any number of these, in any number of processes, may share a container. */
export class StartedRegistryContainer extends AbstractStartedContainer {
  readonly #use: ContainerUse;
  readonly #shutdown: Shutdown | undefined;
  #stopped: Promise<StoppedTestContainer> | undefined;

  /** Made by `RegistryContainer.start()`. */
  constructor(use: ContainerUse, shutdown?: Shutdown) {
    super(use.container);
    this.#use = use;
    this.#shutdown = shutdown;
  }

  /** The host of the port: `127.0.0.1` with a local engine. */
  override getHost(): string {
    return this.#use.address;
  }

  /** The host port. */
  getPort(): number {
    return this.getMappedPort(this.#use.containerPort);
  }

  /** The same as {@link getPort}. */
  getAssignedPort(): number {
    return this.getPort();
  }

  /** The directory that owns the port; undefined if it did not come from a registry. */
  getProjectPath(): string | undefined {
    return this.getAssignment()?.projectPath;
  }

  /** The assignment as it was when the container was started; undefined if the port does not come from a registry. */
  getAssignment(): PortAssignment | undefined {
    return this.#use.lease?.assignment;
  }

  /**
   * Stops using the container. The last user removes the container and releases the port; as long as others use the
   * container, it stays. With `remove: false` the last user only stops the container, and the project keeps the port as long
   * as the container exists. A failure to release the port is a process warning, not an error. Calls of this object that the
   * engine has not answered by then fail.
   * @throws ContainerEngineError when the engine does not answer, or refuses to stop it
   */
  override stop(options: Partial<StopOptions> = {}): Promise<StoppedTestContainer> {
    this.#stopped ??= this.#leave(options).then(
      (stopped) => {
        this.#use.requests.close();
        return stopped;
      },
      (error: unknown) => {
        this.#stopped = undefined;
        throw error;
      },
    );
    return this.#stopped;
  }

  /** Runs a command in the container. A command given as one string is split at its spaces. */
  override async exec(command: string | string[], options?: Partial<ExecOptions>): Promise<ExecResult> {
    const client = wholeCharacters(this.#use.host.client.container);
    const words = typeof command === "string" ? command.split(" ") : command;
    const { requests } = this.#use;
    return await requests.during(() => client.exec(client.getById(this.getId()), words, options));
  }

  /** The log of the container as a stream, which ends with the container. */
  override logs(options?: Parameters<AbstractStartedContainer["logs"]>[0]): Promise<Readable> {
    return this.#use.requests.during(() => super.logs(options));
  }

  /**
   * Restarts the container for all of its users, and waits until it is ready; restarts by several users come one after the
   * other. IRIS is shut down first, so that it loses no writes. The project's port stays the same; random host ports change,
   * and the objects of other users still return the old ones.
   * @throws ContainerStartError when it does not become ready again; the container is not removed
   * @throws ContainerEngineError when the engine does not answer, or there is no such container any more
   */
  override async restart(options: Partial<RestartOptions> = {}): Promise<void> {
    await restartContainer(this.#use, this.#shutdown, checkOptions(options));
  }

  /**
   * Makes an image of the container, without the registry's labels. IRIS is shut down before, so that its databases are
   * whole, and started again after; starts of the project, and other users' restarts, wait until it runs.
   * @throws ContainerEngineError when the engine does not answer, or refuses to make it
   */
  override async commit(options: CommitOptions): Promise<string> {
    return await commitContainer(this.#use, this.#shutdown, checkOptions(options));
  }

  async #leave(options: Partial<StopOptions>): Promise<StoppedTestContainer> {
    return await leaveContainer(this.#use, this.#shutdown, checkOptions(options), () => super.stop(options));
  }
}
