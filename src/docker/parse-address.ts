import { existsSync, realpathSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { basename, dirname, join } from "node:path";
import querystring from "node:querystring";
import { ContainerEngineError } from "../errors/errors.ts";
import { environment } from "../settings/config.ts";

/** How to reach an engine: through a socket (or a Windows pipe), over TCP, or over ssh. Plain data, safe for JSON. */
export type EngineAddress = {
  /** Normalised, so that equal addresses compare equal. */
  readonly endpoint: string;
  /** True if its published ports open on this host. */
  readonly isLocal: boolean;
  /** The setting that names it, e.g. `DOCKER_HOST`; undefined for one of the default sockets. */
  readonly source?: string;
  readonly socketPath?: string;
  readonly tcp?: TcpAddress;
  /** Reached by running `docker system dial-stdio` there, as Docker's own command does. */
  readonly ssh?: SshAddress;
};

type TcpAddress = Tls & { readonly host: string; readonly port: number };

type SshAddress = { readonly user?: string; readonly host: string; readonly port?: number };

/** The TLS settings, if TLS is used. */
export type Tls = {
  readonly isTls: boolean;
  readonly isTlsVerified: boolean;
  readonly certDirectory?: string | undefined;
};

/** The address of Docker Desktop's engine on Windows. */
export const WINDOWS_PIPE = "npipe:////./pipe/docker_engine";

/**
 * Parses an address in the format of `DOCKER_HOST`.
 * @param source - the setting it comes from, for the message
 * @throws ContainerEngineError when it is invalid
 */
export function parseAddress(text: string, tls: Tls, source = "DOCKER_HOST"): EngineAddress {
  const url = parseUrl(text.includes("://") ? text : `tcp://${text}`);
  const address = url && (socketAddress(url, text) ?? networkAddress(url, tls));
  if (address !== undefined) return address;
  throw new ContainerEngineError({
    what: `${JSON.stringify(text)} (${source}) is not the address of a container engine.`,
    remedy: `set ${source} to an address such as unix:///var/run/docker.sock or tcp://build-host:2376, or unset it`,
  });
}

function socketAddress(url: URL, text: string): EngineAddress | undefined {
  const isLocal = !isOverridden();
  if (url.protocol === "unix:") {
    // Unlike decodeURIComponent(), this leaves invalid escapes unchanged.
    const socketPath = canonicalSocket(querystring.unescape(url.pathname) || "/var/run/docker.sock");
    return { endpoint: `unix://${socketPath}`, isLocal, socketPath };
  }
  if (url.protocol !== "npipe:") return undefined;
  const socketPath = text.slice("npipe://".length) || WINDOWS_PIPE.slice("npipe://".length);
  return { endpoint: `npipe://${socketPath.toLowerCase()}`, isLocal, socketPath };
}

function networkAddress(url: URL, tls: Tls): EngineAddress | undefined {
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  if (host === "") return undefined;
  if (url.protocol === "ssh:") return sshAddress(url, host);
  if (!["tcp:", "http:", "https:"].includes(url.protocol)) return undefined;
  // Port 2376 means TLS, for docker-modem as well.
  const isTls = tls.isTls || url.protocol === "https:" || url.port === "2376";
  const port = Number(url.port || (isTls ? 2376 : 2375));
  const endpoint = `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return { endpoint, isLocal: isOwnHost(host) && !isOverridden(), tcp: { ...tls, host, port, isTls } };
}

function sshAddress({ username: user, port }: URL, host: string): EngineAddress {
  const endpoint = `ssh://${user && `${user}@`}${host}${port && `:${port}`}`;
  return { endpoint, isLocal: false, ssh: { host, ...(user && { user }), ...(port && { port: Number(port) }) } };
}

/** True if a setting says that published ports open on another host. */
function isOverridden(): boolean {
  const override = environment().testcontainersHostOverride;
  return override !== undefined && !isLoopback(override);
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** True for this machine's loopback address, host name, or an address of its interfaces. */
function isOwnHost(host: string): boolean {
  if (isLoopback(host) || host === hostname().toLowerCase()) return true;
  return Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === host));
}

/** True for a host that leads to this machine, on every machine. So does the wildcard address, for a client. */
export function isLoopback(host: string): boolean {
  return ["localhost", "::1", "0.0.0.0", "::"].includes(host) || /^127(\.\d+){3}$/.test(host);
}

/** Resolves links, because /var/run links to /run and Docker Desktop links its socket: one engine needs one name. */
function canonicalSocket(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const directory = dirname(path);
  return existsSync(directory) ? join(realpathSync(directory), basename(path)) : path;
}
