/** A container as the registry needs to know it. */
export type EngineContainer = {
  readonly id: string;
  /** Without the engine's leading slash. */
  readonly name: string;
  readonly image: string;
  /** The engine's word: `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`. */
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Host ports it publishes, or will publish when started: also those of containers that never ran. */
  readonly hostPorts: readonly number[];
};

/** What the registry asks of a container engine. Lists containers in any state; decides nothing. */
export type ContainerEngine = {
  /** Where it is, for messages, e.g. `unix:///run/docker.sock` or `tcp://build-host:2376`. */
  readonly endpoint: string;
  /** False where published ports open on another host, so that a bind probe here says nothing about them. */
  readonly isLocal: boolean;
  /**
   * The engine's own ID: the same whatever address the engine is reached at. Evidence counts per engine. An
   * implementation without this method is identified by its `endpoint`.
   * @throws ContainerEngineError when the engine does not answer
   */
  identify?(): Promise<string>;
  /**
   * When the container was last started, as the engine writes it; undefined when it does not exist or does not run.
   * Without this method a restarted container is not told from one that ran on.
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
   * Kills and removes a container and its anonymous volumes; one that is gone already is no error.
   * @throws ContainerEngineError when the engine refuses
   */
  removeContainer(id: string): Promise<void>;
};
