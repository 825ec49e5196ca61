import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { environment } from "../settings/config.ts";
import { currentDockerContext } from "./docker-context.ts";
import { type EngineAddress, parseAddress, type Tls, WINDOWS_PIPE } from "./parse-address.ts";

export type { EngineAddress } from "./parse-address.ts";

/**
 * The configured engine: `tc.host` of `~/.testcontainers.properties`, `DOCKER_HOST`, `docker.host` of that
 * file, or the current docker context. Undefined if nothing is configured.
 *
 * @param dockerHost - instead of the settings; as in `DOCKER_HOST`
 * @throws ContainerEngineError when what is configured is invalid
 */
export function configuredAddress(dockerHost?: string): EngineAddress | undefined {
  const named = namedHost(dockerHost);
  if (named !== undefined) return { ...parseAddress(named.host, tlsSettings(), named.source), source: named.source };
  const env = environment();
  const context = currentDockerContext(env.dockerConfig ?? join(env.home ?? "", ".docker"), env.dockerContext);
  if (context === undefined) return undefined;
  const source = `the docker context ${JSON.stringify(context.name)}`;
  const { isTlsVerified, certDirectory } = context;
  const tls = { isTls: certDirectory !== undefined, isTlsVerified, certDirectory };
  return { ...parseAddress(context.host, tls, source), source };
}

/**
 * The engine host of a setting that Testcontainers reads as well, unchanged; undefined if there is none. Testcontainers does
 * not read docker contexts.
 */
export function namedHost(dockerHost?: string): { readonly host: string; readonly source: string } | undefined {
  if (dockerHost !== undefined) return { host: dockerHost, source: "DOCKER_HOST" };
  const env = environment();
  const properties = readProperties();
  const file = "~/.testcontainers.properties";
  const candidates = [
    { host: properties["tc.host"], source: `tc.host in ${file}` },
    { host: env.dockerHost, source: "DOCKER_HOST" },
    { host: properties["docker.host"], source: `docker.host in ${file}` },
  ];
  return candidates.find((candidate): candidate is { host: string; source: string } => Boolean(candidate.host));
}

/** The default sockets that exist, best first. */
export function defaultAddresses(): readonly EngineAddress[] {
  if (process.platform === "win32") return [parseAddress(WINDOWS_PIPE, tlsSettings())];
  const env = environment();
  const existing = defaultSockets(env.home ?? "", env.xdgRuntimeDir).filter((path) => existsSync(path));
  const addresses = existing.map((path) => parseAddress(`unix://${path}`, tlsSettings()));
  return addresses.filter(({ endpoint }, index) => addresses.findIndex((one) => one.endpoint === endpoint) === index);
}

/**
 * The configured engine, else the first default socket that exists, whether or not an engine answers there; see
 * `findEngine()` for the first that does.
 *
 * @param dockerHost - instead of looking for one; as in `DOCKER_HOST`
 * @throws ContainerEngineError when what is configured is invalid
 */
export function resolveEngineAddress(dockerHost?: string): EngineAddress {
  const address = configuredAddress(dockerHost) ?? defaultAddresses()[0];
  return address ?? parseAddress("unix:///var/run/docker.sock", tlsSettings());
}

/** The address of a connected client: a socket, or a host and port. */
export function clientAddress(modem: ClientModem): EngineAddress {
  const { socketPath, host, port, protocol } = modem;
  if (typeof socketPath === "string" && !host) {
    const scheme = process.platform === "win32" ? "npipe" : "unix";
    return parseAddress(`${scheme}://${socketPath}`, tlsSettings());
  }
  const isTls = protocol === "https";
  return parseAddress(`tcp://${host}:${port || (isTls ? 2376 : 2375)}`, { ...tlsSettings(), isTls });
}

/** The connection options of a client that are used here. */
export type ClientModem = {
  readonly socketPath?: unknown;
  readonly host?: string;
  readonly port?: string | number;
  readonly protocol?: string;
};

/** Of the environment, else of Testcontainers' file. */
function tlsSettings(): Tls {
  const { dockerTlsVerify, dockerCertPath, home = "" } = environment();
  const properties = readProperties();
  const isTls = dockerTlsVerify !== undefined || properties["docker.tls.verify"] === "1";
  const certDirectory = dockerCertPath ?? (properties["docker.cert.path"] || undefined);
  return { isTls, isTlsVerified: true, certDirectory: certDirectory ?? (isTls ? join(home, ".docker") : undefined) };
}

/** Best first. Podman's come last, because users of Testcontainers expect Docker if both are installed. */
function defaultSockets(home: string, xdgRuntimeDir: string | undefined): string[] {
  const runtimeDirectories = [xdgRuntimeDir, `/run/user/${process.getuid?.() ?? ""}`].filter(
    (path) => path !== undefined,
  );
  return [
    "/var/run/docker.sock",
    join(home, ".docker", "run", "docker.sock"),
    join(home, ".docker", "desktop", "docker.sock"),
    ...runtimeDirectories.map((directory) => join(directory, "docker.sock")),
    ...runtimeDirectories.map((directory) => join(directory, "podman", "podman.sock")),
    "/run/podman/podman.sock",
  ];
}

/** @see https://node.testcontainers.org/configuration/ */
function readProperties(): Record<string, string | undefined> {
  const path = join(environment().home ?? "", ".testcontainers.properties");
  if (!existsSync(path)) return {};
  const lines = readFileSync(path, "utf8").matchAll(/^[ \t]*([\w.]+)[ \t]*[=:][ \t]*(.*?)[ \t]*$/gm);
  return Object.fromEntries([...lines].map(([, name = "", value]) => [name, value]));
}
