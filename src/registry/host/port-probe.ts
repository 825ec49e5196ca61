import net from "node:net";
import { osCode } from "../../stores/safe-file.ts";
import { listeningPorts } from "./listening-ports.ts";

/** Tells whether a port of this host could be bound right now. */
export type PortProbe = (port: number) => Promise<boolean>;

// All four: on macOS and BSD a wildcard can be bound beside a listener on a single address, and the other way round;
// a dual-stack listener on :: is not seen from 127.0.0.1 everywhere.
const ADDRESSES = ["0.0.0.0", "127.0.0.1", "::", "::1"];
// The host has no such address: nobody can listen there either.
const NO_SUCH_ADDRESS = ["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"];

/**
 * Binds the port on the wildcard and loopback addresses, IPv4 and IPv6, one after the other, and gives it back at once.
 * True says that nobody listened then: a port that is published by NAT alone is not seen, nor one that is bound a
 * moment later. Two probes of one port at a time would see each other.
 */
export const bindProbe: PortProbe = async (port) => {
  for (const host of ADDRESSES) if (!(await canBind(port, host))) return false;
  return true;
};

function canBind(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", (error) => resolve(isFreeDespite(osCode(error), port)));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function isFreeDespite(code: string, port: number): boolean {
  // A port below 1024 is not for this user to bind, though it may be for the engine. On Windows it says that it is taken.
  if (code === "EACCES" && process.platform !== "win32") return !listeningPorts()?.has(port);
  return NO_SUCH_ADDRESS.includes(code);
}

/**
 * A probe that binds nothing, so that others who probe at the same time do not see it; undefined where the system does
 * not tell who listens.
 */
export function quietProbe(): PortProbe | undefined {
  const listening = listeningPorts();
  return listening && (async (port) => !listening.has(port));
}
