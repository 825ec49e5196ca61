import {
  type ContainerRuntimeClient,
  type Content,
  GenericContainer,
  getContainerRuntimeClient,
  type InspectResult,
  PullPolicy,
  type StartedTestContainer,
  type WaitStrategy,
} from "testcontainers";
import { InvalidArgumentError } from "../ports/errors.ts";
import type { Part } from "../ports/fingerprint.ts";
import { checkDirectory, checkFile, freshArchives, withoutStreams } from "./copied-sources.ts";
import { EarlyDeath } from "./early-death.ts";
import { type Inspected, removeContainer } from "./engine-containers.ts";
import { GuardedWait } from "./guarded-wait.ts";
import { runningOnly } from "./running-only.ts";
import { type Diagnosis, endError } from "./start-failure.ts";

/** A port of the container and where on the host it goes; host port 0 is whatever is free. */
export type Publication = {
  readonly containerPort: number;
  readonly hostPort: number;
  readonly addresses: readonly string[];
};

/** What a start gives the container besides what its user configured. */
export type Creation = {
  readonly publications: readonly Publication[];
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** It outlives this process. */
  readonly isKept?: boolean;
  /** It is reused in Testcontainers' own way, by a hash of its options. */
  readonly isReused?: boolean;
};

/** What Testcontainers is asked to do for a registry: publish fixed ports on given addresses, and join what runs. */
export abstract class PublishedContainer extends GenericContainer {
  #guard: GuardedWait | undefined;
  #death: EarlyDeath | undefined;
  #isJoining = false;
  #createdId: string | undefined;

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
  protected async create({ publications, name, labels, isKept, isReused }: Creation): Promise<StartedTestContainer> {
    this.#createdId = undefined;
    return this.#withRestoredOptions(async () => {
      for (const publication of publications) this.#publish(publication);
      if (name !== undefined) this.createOpts.name = name;
      this.createOpts.Labels = { ...this.createOpts.Labels, ...labels };
      this.archivesToCopy = await freshArchives(this.archivesToCopy);
      // Ryuk would remove it.
      if (isKept) this.autoCleanup = false;
      this.reuse = isReused ?? false;
      // It has been pulled by now.
      this.pullPolicy = PullPolicy.defaultPolicy();
      const death = new EarlyDeath((container) => endError(container, (log) => this.diagnose(log)));
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

  /** Removes what the last {@link create} has made, if anything. */
  protected async removeCreated(client: ContainerRuntimeClient): Promise<void> {
    if (this.#createdId !== undefined) await removeContainer(client, this.#createdId);
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
    containerPorts: readonly number[],
  ): Promise<StartedTestContainer> {
    return this.#withRestoredOptions(async () => {
      for (const port of containerPorts) if (!this.hasExposedPort(port)) this.withExposedPorts(port);
      this.#isJoining = true;
      try {
        // Private in Testcontainers, and the only maker of a StartedTestContainer for a container that runs.
        const started = await this["reuseContainer"](runningOnly(client), client.container.getById(Id));
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
    this.#guard = new GuardedWait(await this.readiness(client, inspected, waitStrategy), this.#isJoining);
    return this.#guard;
  }

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

  /** @throws InvalidArgumentError when the user gave it a name, which is the registry's to give */
  protected checkUnnamed(): void {
    const { name } = this.createOpts;
    if (name === undefined) return;
    throw new InvalidArgumentError({
      what: `The container cannot be named ${JSON.stringify(name)}: by its name the processes of a project find it.`,
      remedy: "leave withName() out, or go without the registry: withoutPortRegistry()",
      argument: "name",
      value: name,
    });
  }

  #publish({ containerPort, hostPort, addresses }: Publication): void {
    if (!this.hasExposedPort(containerPort)) this.withExposedPorts(containerPort);
    const bindings = addresses.map((HostIp) => ({ HostIp, HostPort: String(hostPort) }));
    this.hostConfig.PortBindings = { ...this.hostConfig.PortBindings, [`${containerPort}/tcp`]: bindings };
  }

  async #withRestoredOptions<T>(start: () => Promise<T>): Promise<T> {
    const { createOpts, hostConfig, exposedPorts, archivesToCopy, autoCleanup, pullPolicy, reuse } = this;
    this.createOpts = { ...createOpts };
    this.hostConfig = { ...hostConfig };
    try {
      return await start();
    } finally {
      Object.assign(this, { createOpts, hostConfig, exposedPorts, archivesToCopy, autoCleanup, pullPolicy, reuse });
    }
  }
}
