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
  /** Where it is, normalised, e.g. `unix:///run/docker.sock` or `tcp://build-host:2376`; evidence counts per engine. */
  readonly endpoint: string;
  /** False where published ports open on another host, so that a bind probe here says nothing about them. */
  readonly isLocal: boolean;
  /**
   * Every container in any state.
   * @throws ContainerEngineError when the engine does not answer within 2 s, or not in its language
   */
  listContainers(): Promise<readonly EngineContainer[]>;
  /**
   * Kills and removes a container and its anonymous volumes; one that is gone already is no error.
   * @throws ContainerEngineError when the engine refuses
   */
  removeContainer(id: string): Promise<void>;
};
