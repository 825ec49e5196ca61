import { lookup } from "node:dns/promises";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { hostname } from "node:os";
import { ContainerEngineError } from "../../src/errors/errors.ts";
import { DEFAULT_IRIS_PASSWORD } from "../../src/iris/image.ts";
import { environment } from "../../src/settings/config.ts";
import type { DockerCliEngine } from "../docker-cli-engine.ts";
import type { IrisInputs } from "../inputs/iris-inputs.ts";
import { warn } from "../output/log.ts";

const LOOPBACK = "127.0.0.1";
const CONNECT_TIMEOUT_MS = 2_000;
const INSPECT_TIMEOUT_MS = 2_000;

/** How the steps of this job reach the ports that the engine publishes. */
export type Reach = {
  /** Where containers are bound; undefined is every address of the engine's host. */
  readonly bindAddress: string | undefined;
  /** Names of the engine's host as the job sees it, the likeliest first. */
  readonly hosts: readonly [string, ...string[]];
};

/** IRIS has a well-known default password, so its port is bound only to the address at which the job reaches it. */
export async function reachOf(engine: DockerCliEngine, isInContainer: boolean): Promise<Reach> {
  const override = environment().testcontainersHostOverride;
  const remote = engine.remoteHost;
  if (remote !== undefined) return { bindAddress: undefined, hosts: [override ?? remote] };
  if (!isInContainer) {
    return engine.isLocal || override === undefined
      ? { bindAddress: LOOPBACK, hosts: [LOOPBACK] }
      : { bindAddress: undefined, hosts: [override] };
  }
  const gateway = defaultGateway();
  const networks = override === undefined ? await networksOfThisContainer(engine) : [];
  if (networks.some(({ name }) => name === "host")) return { bindAddress: LOOPBACK, hosts: [LOOPBACK] };
  // The engine says that this address is its host's: with another network driver it may be a router.
  if (gateway !== undefined && networks.some((network) => network.gateway === gateway))
    return { bindAddress: gateway, hosts: [gateway] };
  const named = (await isResolved("host.docker.internal")) ? "host.docker.internal" : undefined;
  const [first = LOOPBACK, ...others] = [override, named, gateway].filter((host) => host !== undefined);
  return { bindAddress: undefined, hosts: [first, ...others] };
}

/** Warns where anybody in the network could log in to IRIS. */
export function checkExposure({ bindAddress }: Reach, { password }: IrisInputs): void {
  if (bindAddress !== undefined || (password !== undefined && password !== DEFAULT_IRIS_PASSWORD)) return;
  warn(
    "IRIS listens on every address of the engine's host with its well-known default password.\n" +
      "To fix: set the input `password`, from a secret.",
  );
}

/** The first of the names under which something accepts connections to the port; undefined when none does. */
export async function firstReachable(hosts: readonly string[], port: number): Promise<string | undefined> {
  for (const host of hosts) if (await accepts(host, port)) return host;
  return undefined;
}

/** The networks of the job container, as the engine knows them; none if it does not know the container. */
async function networksOfThisContainer(
  engine: DockerCliEngine,
): Promise<readonly { readonly name: string; readonly gateway: string }[]> {
  const format = "{{range $name, $network := .NetworkSettings.Networks}}{{$name}} {{$network.Gateway}}\n{{end}}";
  try {
    const inspect = ["inspect", "--type", "container", "--format", format, ownContainer()];
    const { stdout } = await engine.cli.ask(inspect, INSPECT_TIMEOUT_MS);
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => {
        const [name = "", gateway = ""] = line.split(" ");
        return { name, gateway };
      });
  } catch (error) {
    if (error instanceof ContainerEngineError) return [];
    throw error;
  }
}

/** The id of the container that this process runs in: the engine mounts files into it from a directory of that name. */
function ownContainer(): string {
  const mounts = existsSync("/proc/self/mountinfo") ? readFileSync("/proc/self/mountinfo", "latin1") : "";
  return /\/containers\/([0-9a-f]{64})\//.exec(mounts)?.[1] ?? hostname();
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
