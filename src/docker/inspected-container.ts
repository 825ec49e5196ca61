import { dockerState } from "./container-state.ts";

/**
 * A host address and port on which a container's port is published. An empty address stands for all; port 0 for one that the
 * engine chooses when it starts the container.
 */
export type PortTarget = { readonly hostIp: string; readonly hostPort: number };

/** The bindings of a container's ports, by the engine's name for a port, such as `1972/tcp`. */
export type PortTargets = Readonly<Record<string, readonly PortTarget[]>>;

/** The engine's description of a container, normalised. */
export type InspectedContainer = {
  readonly id: string;
  /** Without the engine's leading slash. */
  readonly name: string;
  /** The image as it was named when the container was made. */
  readonly imageName: string;
  readonly imageId: string;
  /** The engine's word: `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`. */
  readonly state: string;
  /** True if the process of the container exists, also if the container is paused. */
  readonly isRunning: boolean;
  readonly exitCode: number;
  readonly isOutOfMemory: boolean;
  /** True if the health check of its image fails. */
  readonly isUnhealthy: boolean;
  /** The time of the start as the engine writes it; different after every start. */
  readonly startedAt: string;
  /** When the container ended last; undefined if it never has. */
  readonly finishedAt: Date | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Its environment and that of its image, as `NAME=value`. */
  readonly environment: readonly string[];
  /** The configured bindings of its ports. */
  readonly bindings: PortTargets;
  /** The present bindings of its ports. */
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

/** The engine's description of an image. */
export type ImageDetails = {
  readonly id: string;
  readonly exposedPorts: readonly string[];
  /** A container inherits these unless it sets its own. */
  readonly labels: Readonly<Record<string, string>>;
};

type RawTargets = Readonly<Record<string, readonly { HostIp?: string; HostPort?: string }[] | null>> | null;

/** The fields of the engine's description of a container that are used here. */
type RawContainer = {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly State: {
    readonly Status: string;
    readonly Running?: boolean;
    readonly ExitCode?: number;
    readonly OOMKilled?: boolean;
    readonly Health?: { readonly Status?: string } | null;
    readonly StartedAt?: string;
    readonly FinishedAt?: string;
  };
  readonly Config: {
    readonly Image: string;
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly Env?: readonly string[] | null;
  };
  readonly HostConfig: { readonly PortBindings?: RawTargets; readonly NetworkMode?: string };
  readonly NetworkSettings?: { readonly Ports?: RawTargets; readonly Networks?: RawNetworks | null };
};

type RawNetworks = Readonly<
  Record<string, { NetworkID?: string; Aliases?: readonly string[] | null; Gateway?: string }>
>;

type RawImage = {
  readonly Id: string;
  readonly Config?: {
    readonly ExposedPorts?: Readonly<Record<string, unknown>> | null;
    readonly Labels?: Readonly<Record<string, string>> | null;
  } | null;
};

/**
 * Reads the engine's description of a container, which is the same in its API and in `docker inspect`.
 * @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerInspect
 */
export function toInspectedContainer(raw: unknown): InspectedContainer {
  if (typeof (raw as Partial<RawContainer> | null)?.HostConfig !== "object")
    throw new Error("something that is not a container");
  const { Id, Name, Image, State, Config, HostConfig, NetworkSettings } = raw as RawContainer;
  const finishedAt = new Date(State.FinishedAt ?? 0);
  return {
    id: Id,
    name: Name.replace(/^\//, ""),
    imageName: Config.Image,
    imageId: Image,
    state: dockerState(State.Status),
    isRunning: State.Running ?? false,
    exitCode: State.ExitCode ?? 0,
    isOutOfMemory: State.OOMKilled ?? false,
    isUnhealthy: State.Health?.Status === "unhealthy",
    startedAt: State.StartedAt ?? "",
    // The engine reports the year 1 for a container that has never ended.
    finishedAt: finishedAt.getTime() > 0 ? finishedAt : undefined,
    labels: Config.Labels ?? {},
    environment: Config.Env ?? [],
    bindings: toTargets(HostConfig.PortBindings),
    published: toTargets(NetworkSettings?.Ports),
    networks: Object.entries(networksOf(NetworkSettings, HostConfig)).map(
      ([name, { NetworkID, Aliases, Gateway }]) => ({
        name,
        id: NetworkID ?? "",
        aliases: Aliases ?? [],
        gateway: Gateway ?? "",
      }),
    ),
  };
}

/** Reads the engine's description of an image. */
export function toImageDetails(raw: unknown): ImageDetails {
  const { Id, Config } = raw as RawImage;
  return { id: Id, exposedPorts: Object.keys(Config?.ExposedPorts ?? {}), labels: Config?.Labels ?? {} };
}

/** Docker calls the host's network `host`; podman has only the mode. */
function networksOf(
  settings: RawContainer["NetworkSettings"],
  { NetworkMode }: RawContainer["HostConfig"],
): RawNetworks {
  return NetworkMode === "host" ? { host: {} } : (settings?.Networks ?? {});
}

/** The engine's name for a TCP port of a container. */
export function tcpKey(containerPort: number): string {
  return `${containerPort}/tcp`;
}

/** Reads the engine's bindings, `HostConfig.PortBindings` or `NetworkSettings.Ports`. */
export function toTargets(raw: RawTargets | undefined): PortTargets {
  const targets = Object.entries(raw ?? {}).map(([key, bindings]) => [
    key,
    (bindings ?? []).map(({ HostIp, HostPort }) => ({ hostIp: HostIp ?? "", hostPort: singlePort(HostPort ?? "") })),
  ]);
  return Object.fromEntries(targets);
}

/** 0 for no port and for a range, from which the engine chooses. */
function singlePort(text: string): number {
  const [first = "", last = first] = text.split("-");
  return first === last && /^\d+$/.test(first) ? Number(first) : 0;
}
