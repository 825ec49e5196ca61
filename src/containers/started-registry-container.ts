import type { Readable } from "node:stream";
import {
  AbstractStartedContainer,
  type CommitOptions,
  type ExecOptions,
  type ExecResult,
  type RestartOptions,
  type StartedTestContainer,
  type StopOptions,
  type StoppedTestContainer,
} from "testcontainers";
import { engineError, engineTimeoutError } from "../docker/engine-error.ts";
import { isInTheWay, isMissing } from "../docker/engine-error-kinds.ts";
import { IrisPortsError } from "../errors/base.ts";
import { removeProjectContainer } from "../lifecycle/end.ts";
import type { Lease } from "../lifecycle/lease.ts";
import type { PortAssignment } from "../registry/assignment.ts";
import { BLANK_LABELS } from "../registry/container-labels.ts";
import { checkOptions } from "../settings/checks.ts";
import type { OpenRequests } from "./engine/open-requests.ts";
import type { RyukSession } from "./engine/ryuk-session.ts";
import type { TestcontainersHost } from "./engine/testcontainers-host.ts";
import { withinTime } from "./engine/time-limit.ts";
import { wholeCharacters } from "./engine/whole-characters.ts";

/** How long the engine may take in addition to the container's time to end. */
const STOP_TIMEOUT_MS = 30_000;

/** A container in use, and what must be released afterwards. */
export type ContainerUse = {
  readonly container: StartedTestContainer;
  readonly containerPort: number;
  readonly host: TestcontainersHost;
  /** The host of its ports. */
  readonly address: string;
  /** Undefined if the port does not come from a registry. */
  readonly lease: Lease | undefined;
  /** True if the container is kept: even its last user does not remove it. */
  readonly isKept: boolean;
  /** Whether `stop()` removes it, unless told otherwise. */
  readonly isRemovedByStop: boolean;
  readonly session: RyukSession | undefined;
  /** The log stream of the user's log consumer. */
  readonly log: Readable | undefined;
  /** The open requests of the start, such as for that log, and of later calls. */
  readonly requests: OpenRequests;
};

/** Runs work during which the container does not run; starts of the project wait for it. */
export function whileRestarting<T>({ lease }: ContainerUse, work: () => Promise<T>): Promise<T> {
  return lease === undefined ? work() : lease.whileRestarting(work);
}

/** A started container on its project's port. Any number of these, in any number of processes, may share a container. */
export class StartedRegistryContainer extends AbstractStartedContainer {
  readonly #use: ContainerUse;
  /** Run before the last user stops the container; told whether the container is removed after that. */
  readonly #beforeEnd: ((isRemoved: boolean) => Promise<void>) | undefined;
  #stopped: Promise<StoppedTestContainer> | undefined;

  /** Made by `RegistryContainer.start()`. */
  constructor(use: ContainerUse, beforeEnd?: (isRemoved: boolean) => Promise<void>) {
    super(use.container);
    this.#use = use;
    this.#beforeEnd = beforeEnd;
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
   * Restarts the container for all of its users, and waits until it is ready. Its port stays the same; random host ports
   * change, and the objects of other users still return the old ones.
   * @throws ContainerStartError when it does not become ready again
   * @throws ContainerEngineError when the engine does not answer, or there is no such container any more
   */
  override async restart(options: Partial<RestartOptions> = {}): Promise<void> {
    checkOptions(options);
    await whileRestarting(this.#use, () => this.#ask(() => super.restart(options)));
  }

  /**
   * Makes an image of the container, without the registry's labels.
   * @throws ContainerEngineError when the engine does not answer, or refuses to make it
   */
  override async commit(options: CommitOptions): Promise<string> {
    // Otherwise containers made from the image would count as the project's container and be removed as such.
    const blanks = Object.keys(BLANK_LABELS).map((name) => `LABEL ${name}=`);
    const changes = [...blanks, ...(checkOptions(options).changes ?? [])];
    // The engine pauses the container while it makes the image.
    return await whileRestarting(this.#use, () => this.#ask(() => super.commit({ ...options, changes })));
  }

  async #ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw error instanceof IrisPortsError ? error : engineError(this.#use.host.endpoint, error);
    }
  }

  async #leave(options: Partial<StopOptions>): Promise<StoppedTestContainer> {
    const { lease, isKept, isRemovedByStop, session, log } = this.#use;
    checkOptions(options);
    if (lease === undefined) return this.#end(undefined, options);
    const isRemoved = !isKept && (options.remove ?? isRemovedByStop);
    try {
      const { isLast } = await lease.beginLeave(!isRemoved);
      if (!isLast || isKept || !(await this.#mayEnd(lease))) {
        // The log stream lasts as long as the container, and would keep this process running.
        log?.destroy();
        return this.#left();
      }
      const stopped = await this.#end(lease, options);
      if (isRemoved) await lease.release();
      return stopped;
    } finally {
      session?.close();
    }
  }

  /** False if the registry has lost track of its users, and its maker may still use it. */
  async #mayEnd(lease: Lease): Promise<boolean> {
    const found = await this.#use.host.find(this.getId());
    return found === undefined || (await lease.mayRemove(found.labels));
  }

  async #end(lease: Lease | undefined, options: Partial<StopOptions>): Promise<StoppedTestContainer> {
    const { host } = this.#use;
    const timeoutMs = (options.timeout ?? 0) + STOP_TIMEOUT_MS;
    try {
      const late = () => engineTimeoutError(host.endpoint, timeoutMs);
      await this.#beforeEnd?.(options.remove ?? this.#use.isRemovedByStop);
      return await withinTime({ timeoutMs, late }, () => super.stop(options));
    } catch (error) {
      // Another process has removed the container or is removing it. If another container has replaced it, that one may have
      // lost its users.
      if (isMissing(error) || isInTheWay(error)) {
        if (lease !== undefined) await removeProjectContainer(host, lease);
        return this.#left();
      }
      await lease?.stay();
      throw engineError(host.endpoint, error);
    }
  }

  #left(): StoppedTestContainer {
    const { container } = this.#use;
    return {
      getId: () => container.getId(),
      copyArchiveFromContainer: (path) => container.copyArchiveFromContainer(path),
    };
  }
}
