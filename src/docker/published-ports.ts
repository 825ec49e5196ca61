import type { PortTargets } from "./inspected-container.ts";

/** The fields of a listed port that are used here. */
export type ListedPort = { readonly PublicPort?: number; readonly Type?: string };

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
 * The TCP host ports that a container will publish when it is started, without those that the engine chooses at that time.
 */
export function boundPorts(bindings: PortTargets): number[] {
  const tcp = Object.entries(bindings).filter(([port]) => !/\/(udp|sctp)$/.test(port));
  return unique(tcp.flatMap(([, targets]) => targets.map(({ hostPort }) => hostPort)));
}

/** The engine lists a port once for IPv4 and once for IPv6. */
function unique(ports: readonly number[]): number[] {
  return [...new Set(ports.filter((port) => Number.isInteger(port) && port > 0 && port <= 65535))];
}
