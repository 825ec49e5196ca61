/** What the registry needs to know about a container. */
export type EngineContainer = {
  /** The engine's id of the container. */
  readonly id: string;
  /** Without the engine's leading slash. */
  readonly name: string;
  /** The image as the engine lists it. */
  readonly image: string;
  /** As the engine calls it: `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`. */
  readonly state: string;
  /** All labels of the container. */
  readonly labels: Readonly<Record<string, string>>;
  /** Host ports that it publishes, or will publish when it is started, even if it never ran. */
  readonly hostPorts: readonly number[];
};

/** What the registry asks of a container engine. */
export type ContainerEngine = {
  /** The address, for messages, for example `unix:///run/docker.sock` or `tcp://build-host:2376`. */
  readonly endpoint: string;
  /** False if published ports open on another host, so that a bind probe on this host says nothing about them. */
  readonly isLocal: boolean;
  /**
   * The engine's own ID: the same whatever address the engine is reached at. Evidence counts per engine. An
   * implementation without this method is identified by its `endpoint`.
   * @param known IDs by {@link ContainerEngine.incarnation}; the engine is not asked if its ID is among them
   * @throws ContainerEngineError when the engine does not answer
   */
  identify?(known?: ReadonlyMap<string, string>): Promise<string>;
  /** Changes whenever an engine starts at the address; undefined if that cannot be observed. */
  incarnation?(): string | undefined;
  /**
   * When the container was last started, as the engine writes it; undefined when it does not exist or does not run.
   * Without this method a restart of a container is not noticed.
   * @throws ContainerEngineError when the engine does not answer
   */
  startedAt?(id: string): Promise<string | undefined>;
  /**
   * Every container in any state.
   * @throws EngineAbsentError when no engine is configured and none is installed
   * @throws ContainerEngineError when the engine does not answer within 2 s, or sends an unexpected response
   */
  listContainers(): Promise<readonly EngineContainer[]>;
  /**
   * The labels of a container's image, which the container has inherited; undefined when one of them is gone. Without this
   * method, a label counts as the container's own.
   * @throws ContainerEngineError when the engine does not answer
   */
  imageLabels?(id: string): Promise<Readonly<Record<string, string>> | undefined>;
  /**
   * Kills and removes a container with its anonymous volumes. A container that does not exist is not an error.
   * @throws ContainerEngineError when the engine refuses
   */
  removeContainer(id: string): Promise<void>;
};
