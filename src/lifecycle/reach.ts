import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { connect, createServer, isIP } from "node:net";
import type { ContainerNetwork, PortTarget } from "../docker/inspected-container.ts";
import { isLoopback } from "../docker/parse-address.ts";

/** Where the published ports of an engine open. */
export type Reach = {
  /** Whether they open on this machine, in the network of this process. */
  readonly isHere: boolean;
  /** The names of the engine's host as this process sees it, the likeliest first. */
  readonly hosts: readonly [string, ...string[]];
  /** The address of the engine's host that is enough for this process, if the engine tells it. */
  readonly address?: string | undefined;
};

/** What is known about an engine before its ports are tried. */
export type ReachFacts = {
  /** Whether the engine is reached through this machine: a socket, a pipe, a loopback address. */
  readonly isLocal: boolean;
  readonly endpoint: string;
  /** The host that was configured, or that Testcontainers has found. */
  readonly knownHost: string | undefined;
  /** This process runs in a container, so that the engine's host is another one. */
  readonly isInContainer: boolean;
  /** The networks of that container, if the engine knows it. */
  readonly networks?: readonly Pick<ContainerNetwork, "name" | "gateway">[] | undefined;
};

const LOOPBACK = "127.0.0.1";
const WILDCARDS = ["", "0.0.0.0", "::"];
const CONNECT_TIMEOUT_MS = 2_000;
/** A port forwarder without a target accepts a connection and closes it at once. */
const STAY_MS = 50;

/** Determines where the published ports of an engine open. */
export async function reachOf({ networks = [], ...facts }: ReachFacts): Promise<Reach> {
  const { isLocal, endpoint, knownHost, isInContainer } = facts;
  const host = knownHost ?? remoteHost(endpoint);
  if (host !== undefined) return { isHere: isLocal && (isLoopback(host) || (await isOwnAddress(host))), hosts: [host] };
  if (!isInContainer) return { isHere: isLocal, hosts: [LOOPBACK] };
  if (networks.some(({ name }) => name === "host")) return { isHere: true, hosts: [LOOPBACK] };
  const gateway = defaultGateway();
  // The engine says that this address is its host's: with another network driver it may be a router.
  if (gateway !== undefined && networks.some((network) => network.gateway === gateway))
    return { isHere: false, hosts: [gateway], address: gateway };
  const named = (await isResolved("host.docker.internal")) ? "host.docker.internal" : undefined;
  const [first = LOOPBACK, ...others] = [named, gateway].filter((name) => name !== undefined);
  return { isHere: false, hosts: [first, ...others] };
}

/**
 * The host addresses to publish a port on: the loopback address if the ports open on this machine, because IRIS has
 * well-known default passwords; otherwise all, written as an empty address.
 */
export function bindAddresses({ isHere, hosts, address }: Reach, wanted: string | undefined): readonly string[] {
  if (wanted !== undefined) return [wanted];
  if (address !== undefined) return [address];
  if (!isHere) return [""];
  // An engine inside this very container: Testcontainers' wait strategies connect to the bridge's address.
  return [LOOPBACK, ...hosts.filter((host) => !isLoopback(host))];
}

/** True if a port can be reached from other machines, unless an address is set. */
export function isOpenToAll(reach: Reach): boolean {
  return bindAddresses(reach, undefined).includes("");
}

/**
 * The hosts at which a port that is published on these addresses can be reached, the likeliest first. 127.0.0.1 instead of
 * localhost, which may be ::1.
 */
export function hostsOf({ isHere, hosts }: Reach, published: readonly string[]): readonly string[] {
  const hasLoopback = published.some((address) => address === LOOPBACK || WILDCARDS.includes(address));
  if (hasLoopback && isHere) return [LOOPBACK];
  const named = published.filter((address) => !WILDCARDS.includes(address) && (isHere || !isLoopback(address)));
  return named.length > 0 ? named : hosts;
}

/** The addresses of the host on which a port of a container is published. */
export function publishedAddresses(targets: readonly PortTarget[] | undefined): readonly string[] {
  return (targets ?? []).map(({ hostIp }) => hostIp);
}

/** The first of the hosts at which a port answers; undefined if none does. */
export async function firstAnswering(hosts: readonly string[], port: number): Promise<string | undefined> {
  for (const host of hosts) if (await answers(host, port)) return host;
  return undefined;
}

/** Whether the port accepts connections, and sends data or keeps the connection open. */
export function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (isAnswering: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isAnswering);
    };
    let timer = setTimeout(() => settle(false), CONNECT_TIMEOUT_MS);
    socket.once("connect", () => {
      clearTimeout(timer);
      timer = setTimeout(() => settle(true), STAY_MS);
    });
    socket.once("data", () => settle(true));
    socket.once("end", () => settle(false));
    socket.once("error", () => settle(false));
  });
}

function remoteHost(endpoint: string): string | undefined {
  const [, host] = /^(?:tcp|ssh):\/\/(?:[^@/]*@)?\[?(.+?)\]?(?::\d+)?$/.exec(endpoint) ?? [];
  return host === undefined || isLoopback(host) ? undefined : host;
}

async function isResolved(host: string): Promise<boolean> {
  return lookup(host).then(
    () => true,
    () => false,
  );
}

/** The host's address in a container's network. @see proc_pid_net(5): route, in the machine's byte order */
function defaultGateway(): string | undefined {
  if (!existsSync("/proc/net/route")) return undefined;
  const routes = readFileSync("/proc/net/route", "latin1").trim().split("\n").slice(1);
  const gateway = routes.map((route) => route.split("\t")).find(([, destination]) => destination === "00000000")?.[2];
  return gateway === undefined ? undefined : [...Buffer.from(gateway, "hex")].reverse().join(".");
}

/** Checked by binding, because the list of interfaces omits a bridge without containers. */
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
