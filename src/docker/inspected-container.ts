/** A host address and port to which a container's port goes; an empty address stands for all. */
export type PortTarget = { readonly hostIp: string; readonly hostPort: number };

/** Where the ports of a container go, by the engine's name for a port, such as `1972/tcp`. */
export type PortTargets = Readonly<Record<string, readonly PortTarget[]>>;

/** What an engine tells about one container, normalised. */
export type InspectedContainer = {
  readonly id: string;
  /** Without the engine's leading slash. */
  readonly name: string;
  /** The image as it was named when the container was made. */
  readonly imageName: string;
  readonly imageId: string;
  /** The engine's word: `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`. */
  readonly state: string;
  /** The process of the container exists; also true for one that is paused. */
  readonly isRunning: boolean;
  readonly exitCode: number;
  readonly isOutOfMemory: boolean;
  /** In the engine's words; another one after every start. */
  readonly startedAt: string;
  /** When it ended last; undefined for one that never has. */
  readonly finishedAt: Date | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Where its ports go whenever it runs. */
  readonly bindings: PortTargets;
  /** Where its ports go now. */
  readonly published: PortTargets;
  readonly networks: readonly ContainerNetwork[];
};

/** A network that a container is connected to. */
export type ContainerNetwork = {
  readonly name: string;
  readonly id: string;
  readonly aliases: readonly string[];
  /** The engine's host, as the container sees it; empty if the network has none. */
  readonly gateway: string;
};

/** What an engine tells about an image. */
export type ImageDetails = { readonly id: string; readonly exposedPorts: readonly string[] };

type RawTargets = Readonly<Record<string, readonly { HostIp?: string; HostPort?: string }[] | null>> | null;

/** As far as the engine's description of a container is relied upon. */
type RawContainer = {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly State: {
    readonly Status: string;
    readonly Running?: boolean;
    readonly ExitCode?: number;
    readonly OOMKilled?: boolean;
    readonly StartedAt?: string;
    readonly FinishedAt?: string;
  };
  readonly Config: { readonly Image: string; readonly Labels?: Readonly<Record<string, string>> | null };
  readonly HostConfig: { readonly PortBindings?: RawTargets };
  readonly NetworkSettings?: {
    readonly Ports?: RawTargets;
    readonly Networks?: Readonly<
      Record<string, { NetworkID?: string; Aliases?: readonly string[] | null; Gateway?: string }>
    > | null;
  };
};

/**
 * Reads the engine's description of a container, which its API and `docker inspect` give alike.
 * @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerInspect
 */
export function toInspectedContainer(raw: unknown): InspectedContainer {
  const { Id, Name, Image, State, Config, HostConfig, NetworkSettings } = raw as RawContainer;
  const finishedAt = new Date(State.FinishedAt ?? 0);
  return {
    id: Id,
    name: Name.replace(/^\//, ""),
    imageName: Config.Image,
    imageId: Image,
    state: State.Status,
    isRunning: State.Running ?? false,
    exitCode: State.ExitCode ?? 0,
    isOutOfMemory: State.OOMKilled ?? false,
    startedAt: State.StartedAt ?? "",
    // The engine notes the year 1 for one that has never ended.
    finishedAt: finishedAt.getTime() > 0 ? finishedAt : undefined,
    labels: Config.Labels ?? {},
    bindings: toTargets(HostConfig.PortBindings),
    published: toTargets(NetworkSettings?.Ports),
    networks: Object.entries(NetworkSettings?.Networks ?? {}).map(([name, { NetworkID, Aliases, Gateway }]) => ({
      name,
      id: NetworkID ?? "",
      aliases: Aliases ?? [],
      gateway: Gateway ?? "",
    })),
  };
}

/** Reads the engine's description of an image. */
export function toImageDetails(raw: unknown): ImageDetails {
  const { Id, Config } = raw as { Id: string; Config?: { ExposedPorts?: Record<string, unknown> | null } | null };
  return { id: Id, exposedPorts: Object.keys(Config?.ExposedPorts ?? {}) };
}

/** The engine's name for a TCP port of a container. */
export function tcpKey(containerPort: number): string {
  return `${containerPort}/tcp`;
}

function toTargets(raw: RawTargets | undefined): PortTargets {
  const targets = Object.entries(raw ?? {}).map(([key, bindings]) => [
    key,
    (bindings ?? []).map(({ HostIp, HostPort }) => ({ hostIp: HostIp ?? "", hostPort: Number(HostPort ?? 0) })),
  ]);
  return Object.fromEntries(targets);
}
