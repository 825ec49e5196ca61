import { isIP, SocketAddress } from "node:net";
import { tcpKey } from "../../docker/inspected-container.ts";
import { InvalidArgumentError } from "../../errors/errors.ts";
import type { ExposedPort } from "../../lifecycle/match.ts";

/**
 * Checks an address to publish on. Engines publish on all addresses if they cannot parse one.
 * @throws InvalidArgumentError unless it is an IP address, or `localhost`
 */
export function bindAddress(address: string): string {
  if (address === "localhost") return "127.0.0.1";
  const family = typeof address === "string" && !address.includes("%") ? isIP(address) : 0;
  if (family !== 0) return new SocketAddress({ address, family: family === 4 ? "ipv4" : "ipv6" }).address;
  throw new InvalidArgumentError({
    what: `${JSON.stringify(address)} is not an address to publish ports on.`,
    remedy: 'give withBindAddress() an IP address of the engine\'s host, such as "127.0.0.1", or "0.0.0.0" for all',
    argument: "bindAddress",
    value: address,
  });
}

/**
 * Testcontainers finds published ports only for the address families of its host.
 * @throws InvalidArgumentError when it would not find the ports that are published on the address
 */
export function checkReachable(
  address: string | undefined,
  host: string,
  hostIps: readonly { readonly family: number }[],
): void {
  if (address === undefined || hostIps.some(({ family }) => family === isIP(address))) return;
  throw new InvalidArgumentError({
    what: `Ports that are published on ${address} cannot be used here: withBindAddress("${address}").`,
    state: `Testcontainers reaches the engine's ports at ${host}, which has no IPv${isIP(address)} address.`,
    remedy: `give withBindAddress() an IPv${isIP(address) === 6 ? 4 : 6} address, or set TESTCONTAINERS_HOST_OVERRIDE to a host that has both`,
    argument: "bindAddress",
    value: address,
  });
}

/** @throws InvalidArgumentError when a container in such a network publishes no ports */
export function checkNetworkMode(networkMode: string | undefined): void {
  if (networkMode === undefined || !/^(host|none|container:.*)$/.test(networkMode)) return;
  throw new InvalidArgumentError({
    what: `A container in the network mode ${JSON.stringify(networkMode)} publishes no ports, so it cannot have a host port.`,
    remedy: "leave withNetworkMode() out, or name a network of its own: withNetwork(network)",
    argument: "networkMode",
    value: networkMode,
  });
}

/** @throws InvalidArgumentError when the user named the container, because the registry sets the name */
export function checkUnnamed(name: string | undefined): void {
  if (name === undefined) return;
  throw new InvalidArgumentError({
    what: `The container cannot be named ${JSON.stringify(name)}: the registry sets the name by which processes find it.`,
    remedy: "leave withName() out, or go without the registry: withoutPortRegistry()",
    argument: "name",
    value: name,
  });
}

/** @throws InvalidArgumentError when `withExposedPorts()` names a host port for a port that gets one from the registry */
export function checkHostPort(exposed: readonly ExposedPort[], containerPort: number, method: string): void {
  const hostPort = namedHostPort(exposed, containerPort);
  if (hostPort === undefined) return;
  throw new InvalidArgumentError({
    what: `withExposedPorts() binds port ${containerPort} to host port ${hostPort}, but the registry assigns its host port.`,
    remedy: `use either, not both: ${method} instead of the host port`,
    argument: "exposedPorts",
    value: hostPort,
  });
}

/** The host port that `withExposedPorts()` names for a container port; if there are several, the last. */
export function namedHostPort(exposed: readonly ExposedPort[], containerPort: number): number | undefined {
  return exposed.findLast(({ key }) => key === tcpKey(containerPort))?.hostPort;
}
