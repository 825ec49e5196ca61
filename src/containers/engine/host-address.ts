import { once } from "node:events";
import { createServer, isIP } from "node:net";

/** What is known about where the engine's published ports open. */
export type EngineReach = {
  /** Whether they open on this machine. */
  readonly isHere: boolean;
  /** Where Testcontainers expects the ports. */
  readonly testcontainersHost: string;
};

const LOOPBACK = "127.0.0.1";
const WILDCARDS = ["", "0.0.0.0", "::"];

/**
 * Where the published ports of an engine open.
 *
 * @param isLocal - whether the engine is reached through this machine: a socket, a pipe, a loopback address. In a
 *   container that talks to its host's engine that alone says nothing.
 * @param testcontainersHost - where Testcontainers expects the ports
 */
export async function reachOf(isLocal: boolean, testcontainersHost: string): Promise<EngineReach> {
  const isHere = isLocal && (isLoopback(testcontainersHost) || (await isOwnAddress(testcontainersHost)));
  return { isHere, testcontainersHost };
}

/**
 * The host addresses to publish a port on: the loopback address where the ports open on this machine, because IRIS has
 * well-known default passwords; otherwise all.
 */
export function bindAddresses(
  { isHere, testcontainersHost }: EngineReach,
  wanted: string | undefined,
): readonly string[] {
  if (wanted !== undefined) return [wanted];
  if (!isHere) return [""];
  // An engine inside this very container: Testcontainers' wait strategies knock at the bridge's address.
  return isLoopback(testcontainersHost) ? [LOOPBACK] : [LOOPBACK, testcontainersHost];
}

/** Where a port that is published on these addresses is reached; rather 127.0.0.1 than localhost, which may be ::1. */
export function hostFor({ isHere, testcontainersHost }: EngineReach, published: readonly string[]): string {
  const hasLoopback = published.some((address) => address === LOOPBACK || WILDCARDS.includes(address));
  if (hasLoopback && isHere) return LOOPBACK;
  return published.find((address) => !WILDCARDS.includes(address)) ?? testcontainersHost;
}

/** By binding it: the list of interfaces leaves out a bridge to which no container is attached at the moment. */
async function isOwnAddress(host: string): Promise<boolean> {
  if (isIP(host) === 0) return false;
  const server = createServer();
  try {
    server.listen({ host, port: 0 });
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}
