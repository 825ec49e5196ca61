import type { Readable } from "node:stream";
import createDebug from "debug";
import {
  type ContainerRuntimeClient,
  type Content,
  GenericContainer,
  getContainerRuntimeClient,
  type InspectResult,
  type PortWithOptionalBinding,
  PullPolicy,
  type StartedTestContainer,
  type WaitStrategy,
} from "testcontainers";
import type { Part } from "../lifecycle/fingerprint.ts";
import { type Inspected, removeContainer, removeCreatedBy } from "./engine/engine-containers.ts";
import { runningOnly } from "./engine/running-only.ts";
import { type Diagnosis, endError } from "./engine/start-failure.ts";
import { checkDirectory, checkFile, freshArchives, withoutStreams } from "./options/copied-sources.ts";
import { bindingsOn, type PortBindings, publishedAddresses, tcpKey } from "./options/port-bindings.ts";
import { EarlyExit } from "./wait/early-exit.ts";
import { atPublishedAddresses } from "./wait/ports-wait-strategy.ts";
import { SharedWaitStrategy } from "./wait/shared-wait-strategy.ts";

const debug = createDebug("iris-ports:containers");

/** A port of the container that a start takes care of. */
export type ServedPort = {
  readonly containerPort: number;
  /** Whether anybody asked for it: wait strategies are told of it. */
  readonly isAwaited: boolean;
};

/** Where on the host it goes; host port 0 is whatever is free. */
export type Publication = ServedPort & { readonly hostPort: number };

/** What a start gives the container besides what its user configured. */
export type Creation = {
  readonly publications: readonly Publication[];
  /** The host addresses to publish on, these ports and those that the user exposed. */
  readonly addresses: readonly string[];
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** It outlives this process. */
  readonly isKept?: boolean;
  /** It is reused in Testcontainers' own way, by a hash of its options. */
  readonly isReused?: boolean;
};

/** What Testcontainers is asked to do for a registry: publish fixed ports on given addresses, and join what runs. */
export abstract class PublishedContainer extends GenericContainer {
  /** What the user's log consumer reads. */
  protected followedLog: Readable | undefined;
  #guard: SharedWaitStrategy | undefined;
  #death: EarlyExit | undefined;
  #isJoining = false;
  #createdId: string | undefined;
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
  protected async create({ publications, addresses, ...creation }: Creation): Promise<StartedTestContainer> {
    this.#createdId = undefined;
    return this.#withRestoredOptions(async () => {
      this.#publish(publications, addresses);
      const { name, labels, isKept, isReused } = creation;
      if (name !== undefined) this.createOpts.name = name;
      this.createOpts.Labels = { ...this.createOpts.Labels, ...labels };
      this.archivesToCopy = await freshArchives(this.archivesToCopy);
      // Ryuk would remove it.
      if (isKept) this.autoCleanup = false;
      this.reuse = isReused ?? false;
      // It has been pulled by now.
      this.pullPolicy = PullPolicy.defaultPolicy();
      const death = new EarlyExit((container) => endError(container, (log) => this.diagnose(log)));
      this.#death = death;
      try {
        return await death.orElse(super.start());
      } finally {
        death.stopWatching();
      }
    });
  }

  /** What the log of a container that ended tells of, for images whose log is understood. */
  protected diagnose(_log: string): Diagnosis | undefined {
    return undefined;
  }

  /** Removes what a failed {@link create} has made, if anything; why it failed matters more than whether that works. */
  protected async removeCreated(client: ContainerRuntimeClient, creator: string): Promise<void> {
    try {
      if (this.#createdId !== undefined) await removeContainer(client, this.#createdId);
      // Until it is started, only its label tells that it was created.
      await removeCreatedBy(client, creator);
    } catch (error) {
      debug("what a failed start has made was not removed: %o", error);
    }
  }

  protected override async containerCreated(id: string): Promise<void> {
    this.#createdId = id;
    this.#death?.watch((await getContainerRuntimeClient()).container.getById(id));
  }

  protected override async containerStarting(_inspected: InspectResult, _isReused: boolean): Promise<void> {
    // From here on the wait strategy notices.
    this.#death?.stopWatching();
  }

  /** Waits until a container is ready that others use, too. It is not removed when it does not get ready. */
  protected async joinRunning(
    client: ContainerRuntimeClient,
    { Id }: Inspected,
    ports: readonly ServedPort[],
  ): Promise<StartedTestContainer> {
    return this.#withRestoredOptions(async () => {
      this.#expose(ports);
      this.#isJoining = true;
      const handle = client.container.getById(Id);
      try {
        // Testcontainers does so only for a container that it has made.
        if (this.logConsumer !== undefined) this.logConsumer(await client.container.logs(handle));
        // Private in Testcontainers, and the only maker of a StartedTestContainer for a container that runs.
        const started = await this["reuseContainer"](runningOnly(client), handle);
        this.#guard?.endSharing();
        return started;
      } finally {
        this.#isJoining = false;
      }
    });
  }

  protected override async selectWaitStrategy(
    client: ContainerRuntimeClient,
    inspected: Inspected,
    waitStrategy = this.waitStrategy,
  ): Promise<WaitStrategy> {
    const atAddresses = (strategy: WaitStrategy) =>
      atPublishedAddresses(strategy, (key) => this.hostOf(publishedAddresses(inspected, key)));
    const usersOwn = waitStrategy && atAddresses(waitStrategy);
    const strategy = atAddresses(await this.readiness(client, inspected, usersOwn));
    this.#guard = new SharedWaitStrategy(strategy, this.#isJoining, this.#awaitedPorts);
    return this.#guard;
  }

  /** Where a port that is published on these addresses is reached. */
  protected abstract hostOf(addresses: readonly string[]): string;

  /** When the container counts as ready. */
  protected readiness(
    client: ContainerRuntimeClient,
    inspected: Inspected,
    waitStrategy: WaitStrategy | undefined,
  ): Promise<WaitStrategy> {
    return super.selectWaitStrategy(client, inspected, waitStrategy);
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
      ...Object.entries(this.environment).map(([name, value]) => ({ name: `value of ${name}`, value })),
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

  async #withRestoredOptions<T>(start: () => Promise<T>): Promise<T> {
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
