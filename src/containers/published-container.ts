import type { Readable } from "node:stream";
import createDebug from "debug";
import {
  type ContainerRuntimeClient,
  type Content,
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
import { hostsOf, publishedAddresses, type Reach } from "../lifecycle/reach.ts";
import { type Diagnosis, endFailure } from "../lifecycle/start-failure.ts";
import { runningOnly } from "./engine/running-only.ts";
import type { TestcontainersHost } from "./engine/testcontainers-host.ts";
import { withinTime } from "./engine/time-limit.ts";
import { checkDirectory, checkFile, freshArchives, withoutStreams } from "./options/copied-sources.ts";
import { bindingsOn, type PortBindings } from "./options/port-bindings.ts";
import { EarlyExit } from "./wait/early-exit.ts";
import { atPublishedAddresses } from "./wait/ports-wait-strategy.ts";
import { SharedWaitStrategy } from "./wait/shared-wait-strategy.ts";

const debug = createDebug("iris-ports:containers");
/** A busy engine takes seconds to create and start a container. */
const SHORTEST_ENGINE_MS = 10_000;

/** A port of the container that a start takes care of. */
export type ServedPort = {
  readonly containerPort: number;
  /** Whether anybody asked for it: wait strategies are told of it. */
  readonly isAwaited: boolean;
};

/** Where on the host it goes; host port 0 is whatever is free. */
export type Publication = ServedPort & { readonly hostPort: number };

/** What a start finds before it does anything. */
export type StartContext = {
  readonly host: TestcontainersHost;
  readonly reach: Reach;
  readonly containerPort: number;
  /** The host addresses to publish on. */
  readonly addresses: readonly string[];
};

/** What a start gives the container besides what its user configured. */
type CreateOptions = {
  readonly publications: readonly Publication[];
  readonly name?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** It outlives this process. */
  readonly isKept?: boolean | undefined;
  /** It is reused in Testcontainers' own way, by a hash of its options. */
  readonly isReused?: boolean | undefined;
};

/** What Testcontainers is asked to do for a registry: publish fixed ports on given addresses, and join what runs. */
export abstract class PublishedContainer extends GenericContainer {
  /** What the user's log consumer reads. */
  protected followedLog: Readable | undefined;
  #guard: SharedWaitStrategy | undefined;
  #death: EarlyExit | undefined;
  #isJoining = false;
  #createdId: string | undefined;
  #context: StartContext | undefined;
  #liftLimit: () => void = () => undefined;
  #awaitedPorts: readonly PortWithOptionalBinding[] = [];

  /**
   * Sees that what is copied into the container is there, before anything is made, and reads what can be read only once.
   * @throws InvalidArgumentError which names what is not there
   */
  protected async prepareCopies(): Promise<void> {
    for (const { source } of this.filesToCopy) checkFile(source, "filesToCopy");
    for (const { source } of this.directoriesToCopy) checkDirectory(source, "directoriesToCopy");
    this.contentsToCopy = await withoutStreams(this.contentsToCopy);
    await freshArchives(this.archivesToCopy);
  }

  /** Makes and starts it. What a start changes of the options is undone: there may be another start. */
  protected async create(context: StartContext, options: CreateOptions): Promise<StartedTestContainer> {
    const { host, addresses } = context;
    const { publications, name, labels, isKept, isReused } = options;
    this.#createdId = undefined;
    return this.#withRestoredOptions(context, async () => {
      this.#publish(publications, addresses);
      if (name !== undefined) this.createOpts.name = name;
      this.createOpts.Labels = { ...this.createOpts.Labels, ...labels };
      this.archivesToCopy = await freshArchives(this.archivesToCopy);
      // Ryuk would remove it.
      if (isKept) this.autoCleanup = false;
      this.reuse = isReused ?? false;
      // It has been pulled by now.
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

  /** What the engine does until the wait strategy begins has the start's time; a short one is for the wait alone. */
  #untilWaiting<T>(host: TestcontainersHost, work: () => Promise<T>): Promise<T> {
    const isCopying = this.filesToCopy.length + this.directoriesToCopy.length + this.archivesToCopy.length > 0;
    const ownMs = Math.max(this.startupTimeoutMs ?? IRIS_STARTUP_TIMEOUT_MS, SHORTEST_ENGINE_MS);
    const timeoutMs = isCopying ? Math.max(ownMs, IRIS_STARTUP_TIMEOUT_MS) : ownMs;
    return withinTime({ timeoutMs, late: () => engineTimeoutError(host.endpoint, timeoutMs) }, (lift) => {
      this.#liftLimit = lift;
      return work();
    });
  }

  /** What the log of a container that ended tells of, for images whose log is understood. */
  protected diagnose(_log: string): Diagnosis | undefined {
    return undefined;
  }

  /** Removes what a failed {@link create} has made, if anything; why it failed matters more than whether that works. */
  protected async removeCreated(host: TestcontainersHost, creator: string): Promise<void> {
    try {
      if (this.#createdId !== undefined) await host.remove(this.#createdId);
      // Until it is started, only its label tells that it was created.
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
    // From here on the wait strategy notices.
    this.#death?.stopWatching();
  }

  /** Waits until a container is ready that others use, too. It is not removed when it does not get ready. */
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
        // Testcontainers does so only for a container that it has made.
        if (this.logConsumer !== undefined) this.logConsumer(await host.client.container.logs(handle));
        // Private in Testcontainers, and the only maker of a StartedTestContainer for a container that runs.
        const reuse = (): Promise<StartedTestContainer> => this["reuseContainer"](runningOnly(host.client), handle);
        const started = await this.#untilWaiting(host, reuse);
        this.#guard?.endSharing();
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
    this.#guard = new SharedWaitStrategy(atAddresses(readiness), {
      host,
      isShared: this.#isJoining,
      ports: this.#awaitedPorts,
      check: async (id, timeoutMs) => {
        if (hostPort === undefined) return;
        const isAnswerAwaited = waitStrategy === undefined || this.isAlwaysAnswering;
        await awaitAnswer(host, id, { containerPort, hostPort }, { hosts: hostsFor(key), isAnswerAwaited, timeoutMs });
      },
    });
    return this.#guard;
  }

  /** When the container counts as ready; undefined: as Testcontainers has it. */
  protected readiness(_host: TestcontainersHost, _waitStrategy: WaitStrategy | undefined): WaitStrategy | undefined {
    return undefined;
  }

  /** Whether its port must answer whatever wait strategy its user has chosen. */
  protected get isAlwaysAnswering(): boolean {
    return false;
  }

  /** What it is configured with, as far as two starts of one project have to agree on it. */
  protected configuration(): readonly Part[] {
    const { Cmd, Entrypoint, User, WorkingDir } = this.createOpts;
    // No streams any more: see prepareCopies().
    const bytes = (content: Content) => Buffer.from(content as string | Buffer).toString("base64");
    const content = this.contentsToCopy.map(({ target, content }) => [target, bytes(content)]);
    const archives = this.archivesToCopy.map(({ target }) => target);
    const files = [...this.filesToCopy, ...this.directoriesToCopy].map(({ source, target }) => [source, target]);
    const parts: Part[] = [
      ...environmentParts(this.environment),
      { name: "command", value: Cmd },
      { name: "entry point", value: Entrypoint },
      { name: "user of its processes", value: User },
      { name: "working directory", value: WorkingDir },
      { name: "network", value: this.networkMode },
      { name: "set of bind mounts", value: this.hostConfig.Binds },
      { name: "copied content", value: content.length > 0 ? content : undefined },
      { name: "set of copied files", value: files.length > 0 ? files : undefined },
      { name: "set of copied archives", value: archives.length > 0 ? archives : undefined },
    ];
    return parts.filter(({ value }) => value !== undefined);
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
