/** The fields of a listed port that are used here. */
export type ListedPort = { readonly PublicPort?: number; readonly Type?: string };

/** `HostConfig.PortBindings` of an inspected container. */
export type PortBindings = Readonly<Record<string, readonly { readonly HostPort?: string }[] | null>>;

/** The TCP host ports that a running container publishes. */
export function publishedPorts(ports: readonly ListedPort[] | null | undefined): number[] {
  return unique((ports ?? []).filter((port) => (port.Type ?? "tcp") === "tcp").map((port) => Number(port.PublicPort)));
}

/**
 * The TCP host ports that a container will publish when it is started, without empty ports, `0` and ranges, for which the
 * engine chooses a free port at that time.
 */
export function boundPorts(bindings: PortBindings | null | undefined): number[] {
  const tcp = Object.entries(bindings ?? {}).filter(([port]) => !/\/(udp|sctp)$/.test(port));
  return unique(tcp.flatMap(([, targets]) => (targets ?? []).map((target) => singlePort(target.HostPort ?? ""))));
}

function singlePort(text: string): number {
  const [first = "", last = first] = text.split("-");
  return first === last && /^\d+$/.test(first) ? Number(first) : 0;
}

/** The engine lists a port once for IPv4 and once for IPv6. */
function unique(ports: readonly number[]): number[] {
  return [...new Set(ports.filter((port) => Number.isInteger(port) && port > 0 && port <= 65535))];
}
