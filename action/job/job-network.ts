import { lookup } from "node:dns/promises";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { environment } from "../../src/settings/config.ts";
import type { DockerCliEngine } from "../docker-cli-engine.ts";

const LOOPBACK = "127.0.0.1";
const CONNECT_TIMEOUT_MS = 2_000;

/** How the steps of this job reach the ports that the engine publishes. */
export type Reach = {
  /** Where containers are bound; undefined is every address of the engine's host. */
  readonly bindAddress: string | undefined;
  /** Names of the engine's host as the job sees it, the likeliest first. */
  readonly hosts: readonly string[];
};

/** Well-known passwords must not be open to the network, so containers are bound to loopback wherever that is enough. */
export async function reachOf(engine: DockerCliEngine, isInContainer: boolean): Promise<Reach> {
  const override = environment().testcontainersHostOverride;
  const remote = engine.remoteHost;
  if (remote !== undefined) return { bindAddress: undefined, hosts: [override ?? remote] };
  if (!isInContainer) {
    return engine.isLocal || override === undefined
      ? { bindAddress: LOOPBACK, hosts: [LOOPBACK] }
      : { bindAddress: undefined, hosts: [override] };
  }
  const named = (await isResolved("host.docker.internal")) ? "host.docker.internal" : undefined;
  const hosts = [override, named, defaultGateway()].filter((host) => host !== undefined);
  return { bindAddress: undefined, hosts: hosts.length > 0 ? hosts : [LOOPBACK] };
}

/** The first of the names under which something accepts connections to the port; undefined when none does. */
export async function firstReachable(hosts: readonly string[], port: number): Promise<string | undefined> {
  for (const host of hosts) if (await accepts(host, port)) return host;
  return undefined;
}

async function isResolved(host: string): Promise<boolean> {
  return lookup(host).then(
    () => true,
    () => false,
  );
}

/** The host's address in the job container's network. @see proc_pid_net(5): route, in the machine's byte order */
function defaultGateway(): string | undefined {
  if (!existsSync("/proc/net/route")) return undefined;
  const routes = readFileSync("/proc/net/route", "latin1").trim().split("\n").slice(1);
  const gateway = routes.map((route) => route.split("\t")).find(([, destination]) => destination === "00000000")?.[2];
  return gateway === undefined ? undefined : [...Buffer.from(gateway, "hex")].reverse().join(".");
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const settle = (isAccepted: boolean) => {
      socket.destroy();
      resolve(isAccepted);
    };
    socket.once("connect", () => settle(true));
    socket.once("timeout", () => settle(false));
    socket.once("error", () => settle(false));
  });
}
