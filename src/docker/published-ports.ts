/** The fields of a listed port that are used here. */
export type ListedPort = { readonly PublicPort?: number; readonly Type?: string };

/** `HostConfig.PortBindings` of an inspected container. */
type PortBindings = Readonly<
  Record<string, readonly { readonly HostPort?: string; readonly hostPort?: number }[] | null>
>;

/** The TCP host ports that a running container publishes. */
export function publishedPorts(ports: readonly ListedPort[] | null | undefined): number[] {
  return unique((ports ?? []).filter((port) => (port.Type ?? "tcp") === "tcp").map((port) => Number(port.PublicPort)));
}

/** The same, as `docker ps` writes them: `127.0.0.1:1972->1972/tcp, :::52773-52774->52773-52774/tcp`. */
export function portsInText(text: string): number[] {
  const targets = [...text.matchAll(/:(\d+)(?:-(\d+))?->[\d-]+\/tcp/g)];
  return unique(
    targets.flatMap(([, first, last = first]) =>
      Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index),
    ),
  );
}

/**
 * The TCP host ports that a container will publish when it is started, without empty ports, `0` and ranges, for which the
 * engine chooses a free port at that time.
 */
export function boundPorts(bindings: PortBindings | null | undefined): number[] {
  const tcp = Object.entries(bindings ?? {}).filter(([port]) => !/\/(udp|sctp)$/.test(port));
  return unique(
    tcp.flatMap(([, targets]) =>
      (targets ?? []).map((target) => singlePort(String(target.hostPort ?? target.HostPort ?? ""))),
    ),
  );
}

function singlePort(text: string): number {
  const [first = "", last = first] = text.split("-");
  return first === last && /^\d+$/.test(first) ? Number(first) : 0;
}

/** The engine lists a port once for IPv4 and once for IPv6. */
function unique(ports: readonly number[]): number[] {
  return [...new Set(ports.filter((port) => Number.isInteger(port) && port > 0 && port <= 65535))];
}
