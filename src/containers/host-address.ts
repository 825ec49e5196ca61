import { networkInterfaces } from "node:os";

/** What is known about where the engine's published ports open. */
export type EngineReach = {
  /** Whether the engine is reached through this machine: a socket, a pipe, a loopback address. */
  readonly isLocal: boolean;
  /** Where Testcontainers expects the ports. */
  readonly testcontainersHost: string;
  /** The addresses of this machine's network interfaces. */
  readonly ownAddresses: readonly string[];
};

const LOOPBACK = "127.0.0.1";
const WILDCARDS = ["", "0.0.0.0", "::"];

/** The addresses of this machine. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));
}

/**
 * The host addresses to publish a port on: the loopback address where the ports open on this machine, because IRIS has
 * well-known default passwords; otherwise all.
 */
export function bindAddresses(reach: EngineReach, wanted: string | undefined): readonly string[] {
  if (wanted !== undefined) return [wanted];
  if (!opensHere(reach)) return [""];
  // An engine inside this very container: Testcontainers' wait strategies knock at the bridge's address.
  return isLoopback(reach.testcontainersHost) ? [LOOPBACK] : [LOOPBACK, reach.testcontainersHost];
}

/** Where a port that is published on these addresses is reached; rather 127.0.0.1 than localhost, which may be ::1. */
export function hostFor(reach: EngineReach, published: readonly string[]): string {
  const hasLoopback = published.some((address) => address === LOOPBACK || WILDCARDS.includes(address));
  if (hasLoopback && opensHere(reach)) return LOOPBACK;
  return published.find((address) => !WILDCARDS.includes(address)) ?? reach.testcontainersHost;
}

/** In a container that talks to its host's engine, a local socket says nothing about where the ports open. */
function opensHere({ isLocal, testcontainersHost, ownAddresses }: EngineReach): boolean {
  return isLocal && (isLoopback(testcontainersHost) || ownAddresses.includes(testcontainersHost));
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}
