import type { Readable } from "node:stream";
import createDebug from "debug";
import {
  type ContainerRuntimeClient,
  GenericContainer,
  type InspectResult,
  type PortWithOptionalBinding,
  PullPolicy,
  type StartedTestContainer,
  type WaitStrategy,
} from "testcontainers";
import { engineTimeoutError } from "../docker/engine-error.ts";
import { type InspectedContainer, tcpKey, toInspectedContainer } from "../docker/inspected-container.ts";
import { IRIS_STARTUP_TIMEOUT_MS } from "../iris/image.ts";
import { awaitAnswer } from "../lifecycle/await-answer.ts";
import { removeCreatedBy } from "../lifecycle/end.ts";
import { environmentParts, type Part } from "../lifecycle/fingerprint.ts";
import { hostsOf, publishedAddresses } from "../lifecycle/reach.ts";
import { type Diagnosis, endFailure } from "../lifecycle/start-failure.ts";
import { checkDurationMs } from "../settings/checks.ts";
import { runningOnly } from "./engine/running-only.ts";
import type { TestcontainersHost } from "./engine/testcontainers-host.ts";
import { withinTime } from "./engine/time-limit.ts";
import { copiedParts } from "./options/copied-parts.ts";
import { checkDirectory, checkFile, freshArchives, withoutStreams } from "./options/copied-sources.ts";
import { bindingsOn, type PortBindings } from "./options/port-bindings.ts";
import type { CreateOptions, Publication, ServedPort, StartContext } from "./start-context.ts";
import { EarlyExit } from "./wait/early-exit.ts";
import { atPublishedAddresses } from "./wait/ports-wait-strategy.ts";
import { SharedWaitStrategy } from "./wait/shared-wait-strategy.ts";

const debug = createDebug("iris-ports:containers");
/** A busy engine takes seconds to create and start a container. */
const SHORTEST_ENGINE_MS = 10_000;

/** Extends Testcontainers for a registry: publishes fixed ports on given addresses, and joins running containers. */
export abstract class PublishedContainer extends GenericContainer {
  /** The stream of the user's log consumer. */
  protected followedLog: Readable | undefined;
  /** The wait of the last start. */
  protected guard: SharedWaitStrategy | undefined;
  #death: EarlyExit | undefined;
  #isJoining = false;
  #createdId: string | undefined;
  #context: StartContext | undefined;
  #liftLimit: () => void = () => undefined;
  #awaitedPorts: readonly PortWithOptionalBinding[] = [];

  /**
   * How long the container may take to become ready, in milliseconds. @default 180,000
   * @throws InvalidArgumentError unless it is a number from 0 to 2,147,483,647 (24 days)
   */
  override withStartupTimeout(startupTimeoutMs: number): this {
    return super.withStartupTimeout(checkDurationMs(startupTimeoutMs, "startupTimeoutMs"));
  }

  /**
   * Checks the files to copy before anything is created, and reads streams, which can be read only once.
   * @throws InvalidArgumentError which names a missing file
   */
  protected async prepareCopies(): Promise<void> {
    for (const { source } of this.filesToCopy) checkFile(source, "filesToCopy");
    for (const { source } of this.directoriesToCopy) checkDirectory(source, "directoriesToCopy");
    this.contentsToCopy = await withoutStreams(this.contentsToCopy);
    await freshArchives(this.archivesToCopy);
  }

  /** Creates and starts it. Changes of the options are reverted, because there may be another start. */
  protected async create(context: StartContext, options: CreateOptions): Promise<StartedTestContainer> {
    const { host, addresses } = context;
    const { publications, name, labels, isKept, isReused } = options;
    this.#createdId = undefined;
    return this.#withRestoredOptions(context, async () => {
      this.#publish(publications, addresses);
      if (name !== undefined) this.createOpts.name = name;
      this.createOpts.Labels = { ...this.createOpts.Labels, ...labels };
      this.archivesToCopy = await freshArchives(this.archivesToCopy);
      // Otherwise Ryuk would remove it.
      if (isKept) this.autoCleanup = false;
      this.reuse = isReused ?? false;
      // The image has been pulled before.
      this.pullPolicy = PullPolicy.defaultPolicy();
      const death = new EarlyExit(host, (id) => endFailure(host, id, (log) => this.diagnose(log)));
      this.#death = death;
      try {
        return await this.#untilWaiting(host, () => death.orElse(super.start()));
      } finally {
        death.stopWatching();
      }
    });
  }

  /** The engine's part of a start has the start time-out as well; a shorter one applies to the wait alone. */
  #untilWaiting<T>(host: TestcontainersHost, work: () => Promise<T>): Promise<T> {
    const isCopying = this.filesToCopy.length + this.directoriesToCopy.length + this.archivesToCopy.length > 0;
    const ownMs = Math.max(this.startupTimeoutMs ?? IRIS_STARTUP_TIMEOUT_MS, SHORTEST_ENGINE_MS);
    const timeoutMs = isCopying ? Math.max(ownMs, IRIS_STARTUP_TIMEOUT_MS) : ownMs;
    return withinTime({ timeoutMs, late: () => engineTimeoutError(host.endpoint, timeoutMs) }, (lift) => {
      this.#liftLimit = lift;
      return work();
    });
  }

  /** The problem found in the log of a container that ended, for images whose log is understood. */
  protected diagnose(_log: string): Diagnosis | undefined {
    return undefined;
  }

  /** Removes the container of a failed {@link create}; a failure of the removal does not replace the first error. */
  protected async removeCreated(host: TestcontainersHost, creator: string): Promise<void> {
    try {
      if (this.#createdId !== undefined) await host.remove(this.#createdId);
      // Until it is started, it can only be found by its label.
      await removeCreatedBy(host, creator);
    } catch (error) {
      debug("what a failed start has made was not removed: %o", error);
    }
  }

  protected override async containerCreated(id: string): Promise<void> {
    this.#createdId = id;
    this.#death?.watch(id);
  }

  protected override async containerStarting(_inspected: InspectResult, _isReused: boolean): Promise<void> {
    // From here on the wait strategy notices an early exit.
    this.#death?.stopWatching();
  }

  /** Waits until a shared container is ready. It is not removed if it does not get ready. */
  protected async joinRunning(
    context: StartContext,
    { id }: InspectedContainer,
    ports: readonly ServedPort[],
  ): Promise<StartedTestContainer> {
    const { host } = context;
    return this.#withRestoredOptions(context, async () => {
      this.#expose(ports);
      this.#isJoining = true;
      const handle = host.client.container.getById(id);
      try {
        // Testcontainers does so only for containers that it has created.
        if (this.logConsumer !== undefined) this.logConsumer(await host.client.container.logs(handle));
        // Private in Testcontainers, and the only way to get a StartedTestContainer for a running container.
        const reuse = (): Promise<StartedTestContainer> => this["reuseContainer"](runningOnly(host.client), handle);
        const started = await this.#untilWaiting(host, reuse);
        this.guard?.throwFailure();
        return started;
      } finally {
        this.#isJoining = false;
      }
    });
  }

  protected override async selectWaitStrategy(
    client: ContainerRuntimeClient,
    inspected: Parameters<GenericContainer["selectWaitStrategy"]>[1],
    waitStrategy = this.waitStrategy,
  ): Promise<WaitStrategy> {
    this.#liftLimit();
    const { host, reach, containerPort } = this.#context as StartContext;
    const { bindings, published } = toInspectedContainer(inspected);
    const hostsFor = (key: string) => hostsOf(reach, publishedAddresses(bindings[key]));
    const atAddresses = (strategy: WaitStrategy) =>
      atPublishedAddresses(strategy, host, (key) => hostsFor(key)[0] as string);
    const usersOwn = waitStrategy && atAddresses(waitStrategy);
    const readiness = this.readiness(host, usersOwn) ?? (await super.selectWaitStrategy(client, inspected, usersOwn));
    const key = tcpKey(containerPort);
    const hostPort = (bindings[key] ?? published[key])?.find((target) => target.hostPort > 0)?.hostPort;
    this.guard = new SharedWaitStrategy(atAddresses(readiness), {
      host,
      isShared: this.#isJoining,
      ports: this.#awaitedPorts,
      check: async (id, timeoutMs) => {
        if (hostPort === undefined) return;
        const isAnswerAwaited = waitStrategy === undefined || this.isAlwaysAnswering;
        await awaitAnswer(host, id, { containerPort, hostPort }, { hosts: hostsFor(key), isAnswerAwaited, timeoutMs });
      },
    });
    return this.guard;
  }

  /** The wait strategy; undefined for the default of Testcontainers. */
  protected readiness(_host: TestcontainersHost, _waitStrategy: WaitStrategy | undefined): WaitStrategy | undefined {
    return undefined;
  }

  /** True if the port must answer even with a wait strategy of the user's. */
  protected get isAlwaysAnswering(): boolean {
    return false;
  }

  /** The configuration on which all starts of a project must agree. */
  protected configuration(): readonly Part[] {
    const { Cmd, Entrypoint, User, WorkingDir } = this.createOpts;
    const parts: Part[] = [
      ...environmentParts(this.environment),
      { name: "command", value: Cmd },
      { name: "entry point", value: Entrypoint },
      { name: "user of its processes", value: User },
      { name: "working directory", value: WorkingDir },
      { name: "network", value: this.networkMode },
      { name: "set of bind mounts", value: this.hostConfig.Binds },
    ];
    const copies = {
      contents: this.contentsToCopy,
      files: this.filesToCopy,
      directories: this.directoriesToCopy,
      archives: this.archivesToCopy,
    };
    return [...parts.filter(({ value }) => value !== undefined), ...copiedParts(copies)];
  }

  #publish(publications: readonly Publication[], addresses: readonly string[]): void {
    this.#expose(publications);
    const fixed = publications.map(({ containerPort, hostPort }) => [
      tcpKey(containerPort),
      [{ HostPort: String(hostPort) }],
    ]);
    const bindings: PortBindings = { ...this.hostConfig.PortBindings, ...Object.fromEntries(fixed) };
    this.hostConfig.PortBindings = bindingsOn(addresses, bindings);
  }

  #expose(ports: readonly ServedPort[]): void {
    const awaited = ports.filter(({ isAwaited }) => isAwaited).map(({ containerPort }) => containerPort);
    this.#awaitedPorts = [...this.exposedPorts, ...awaited];
    for (const { containerPort } of ports)
      if (!this.hasExposedPort(containerPort)) this.withExposedPorts(containerPort);
  }

  async #withRestoredOptions<T>(context: StartContext, start: () => Promise<T>): Promise<T> {
    this.#context = context;
    const { createOpts, hostConfig, exposedPorts, archivesToCopy, logConsumer, autoCleanup, pullPolicy, reuse } = this;
    this.createOpts = { ...createOpts };
    this.hostConfig = { ...hostConfig };
    this.followedLog = undefined;
    if (logConsumer !== undefined)
      this.logConsumer = (stream) => {
        this.followedLog = stream;
        return logConsumer(stream);
      };
    try {
      return await start();
    } catch (error) {
      (this.followedLog as Readable | undefined)?.destroy();
      throw error;
    } finally {
      const restored = { createOpts, hostConfig, exposedPorts, archivesToCopy, autoCleanup, pullPolicy, reuse };
      Object.assign(this, restored, { logConsumer });
    }
  }
}
