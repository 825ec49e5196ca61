import net from "node:net";
import { osCode } from "../../errors/os-code.ts";
import { listeningPorts } from "./listening-ports.ts";

/** Resolves to whether a port of this host can be bound now. */
export type PortProbe = (port: number) => Promise<boolean>;

/**
 * On Linux, the dual-stack wildcard address conflicts with every listener, of IPv4 and IPv6, on whatever address; without
 * IPv6, the wildcard address of IPv4 does. Elsewhere all four are needed: on macOS and BSD a wildcard address can be bound
 * beside a listener on a single address, and the other way round, and a listener on :: does not always block 127.0.0.1.
 */
const IS_WILDCARD_ENOUGH = process.platform === "linux";
const ADDRESSES = ["::", "0.0.0.0", "127.0.0.1", "::1"];
// The host has no such address, so nothing can listen on it.
const NO_SUCH_ADDRESS = ["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"];

/**
 * Binds the port on the wildcard and loopback addresses of IPv4 and IPv6, one after the other, and closes it at once.
 * True means that nothing listened at that moment. A port published only through NAT is not detected. Two probes of one
 * port at the same time would see each other.
 */
export const bindProbe: PortProbe = async (port) => {
  for (const host of ADDRESSES) {
    const isFree = await canBind(port, host);
    if (isFree === false) return false;
    if (isFree && IS_WILDCARD_ENOUGH) return true;
  }
  return true;
};

/** Undefined if the host has no such address. */
function canBind(port: number, host: string): Promise<boolean | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", (error) => resolve(isFreeDespite(osCode(error), port)));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function isFreeDespite(code: string, port: number): boolean | undefined {
  // This user may not bind a port below 1024, but the engine may. On Windows the error means that the port is taken.
  if (code === "EACCES" && process.platform !== "win32") return !listeningPorts()?.has(port);
  return NO_SUCH_ADDRESS.includes(code) ? undefined : false;
}

/**
 * A probe that binds nothing, so that probes of other processes do not see it; undefined if the system does not list
 * listening ports.
 */
export function quietProbe(): PortProbe | undefined {
  const listening = listeningPorts();
  return listening && (async (port) => !listening.has(port));
}
