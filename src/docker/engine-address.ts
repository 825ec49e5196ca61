import { existsSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import querystring from "node:querystring";
import { ContainerEngineError } from "../errors/errors.ts";
import { environment } from "../settings/config.ts";
import { currentDockerContext } from "./docker-context.ts";

/** How to reach an engine: through a socket (or a Windows pipe), or over TCP. */
export type EngineAddress = {
  /** Normalised, so that two ways of writing one engine compare equal. */
  readonly endpoint: string;
  /** Whether its published ports open on this host. */
  readonly isLocal: boolean;
  readonly socketPath?: string;
  readonly tcp?: TcpAddress;
};

type TcpAddress = {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly isTlsVerified: boolean;
  readonly certDirectory: string | undefined;
};

type Tls = { readonly isTls: boolean; readonly isTlsVerified: boolean; readonly certDirectory: string | undefined };

const WINDOWS_PIPE = "npipe:////./pipe/docker_engine";

/**
 * Finds the engine as Testcontainers and the docker CLI do: `tc.host` of `~/.testcontainers.properties`,
 * `DOCKER_HOST`, `docker.host` of that file, the current docker context, then the first socket that exists:
 * the system's, Docker Desktop's, a rootless one, podman's.
 *
 * @param dockerHost - instead of looking for one; as in `DOCKER_HOST`
 * @throws ContainerEngineError when what is configured cannot be understood
 */
export function resolveEngineAddress(dockerHost?: string): EngineAddress {
  const env = environment();
  const home = env.home ?? "";
  const properties = dockerHost === undefined ? readProperties(join(home, ".testcontainers.properties")) : {};
  const tls: Tls = {
    isTls: Boolean(env.dockerTlsVerify),
    isTlsVerified: true,
    certDirectory: env.dockerCertPath || (env.dockerTlsVerify ? join(home, ".docker") : undefined),
  };
  const configured = dockerHost ?? properties["tc.host"] ?? env.dockerHost ?? properties["docker.host"];
  if (configured) return parseAddress(configured, tls);

  const context = currentDockerContext(env.dockerConfig ?? join(home, ".docker"), env.dockerContext);
  if (context) return parseAddress(context.host, { ...context, isTls: context.certDirectory !== undefined });

  if (process.platform === "win32") return parseAddress(WINDOWS_PIPE, tls);
  const sockets = defaultSockets(home, env.xdgRuntimeDir);
  return parseAddress(`unix://${sockets.find((path) => existsSync(path)) ?? "/var/run/docker.sock"}`, tls);
}

/** Best first. Podman's come last: where both are installed, users of Testcontainers expect Docker. */
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

function parseAddress(text: string, tls: Tls): EngineAddress {
  const url = parseUrl(text.includes("://") ? text : `tcp://${text}`);
  const override = environment().testcontainersHostOverride;
  const isOverridden = override !== undefined && override !== "" && !isLoopback(override);
  switch (url?.protocol) {
    case "unix:": {
      // Unlike decodeURIComponent() it takes what is no escape as it is.
      const socketPath = canonicalSocket(querystring.unescape(url.pathname) || "/var/run/docker.sock");
      return { endpoint: `unix://${socketPath}`, isLocal: !isOverridden, socketPath };
    }
    case "npipe:": {
      const socketPath = text.slice("npipe://".length) || WINDOWS_PIPE.slice("npipe://".length);
      return { endpoint: `npipe://${socketPath.toLowerCase()}`, isLocal: !isOverridden, socketPath };
    }
    case "tcp:":
    case "http:":
    case "https:": {
      const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
      if (host === "") break;
      // 2376 is the port on which an engine speaks TLS; docker-modem goes by it, too.
      const isTls = tls.isTls || url.protocol === "https:" || url.port === "2376";
      const port = Number(url.port || (isTls ? 2376 : 2375));
      const endpoint = `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`;
      return { endpoint, isLocal: isLoopback(host) && !isOverridden, tcp: { ...tls, host, port, isTls } };
    }
    case "ssh:":
      throw new ContainerEngineError({
        what: `The container engine at ${text} is reached by ssh, which neither Testcontainers nor iris-ports speaks.`,
        remedy:
          "forward its socket, `ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock user@host`, and set DOCKER_HOST=unix:///tmp/docker.sock",
      });
  }
  throw new ContainerEngineError({
    what: `${JSON.stringify(text)} does not name a container engine.`,
    remedy: "set DOCKER_HOST to something like unix:///var/run/docker.sock or tcp://build-host:2376, or unset it",
  });
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}

/** /var/run is a link to /run, and Docker Desktop links its socket: one engine must have one name. */
function canonicalSocket(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const directory = dirname(path);
  return existsSync(directory) ? join(realpathSync(directory), basename(path)) : path;
}

/** @see https://node.testcontainers.org/configuration/ */
function readProperties(path: string): Record<string, string | undefined> {
  if (!existsSync(path)) return {};
  const lines = readFileSync(path, "utf8").matchAll(/^[ \t]*([\w.]+)[ \t]*[=:][ \t]*(.*?)[ \t]*$/gm);
  return Object.fromEntries([...lines].map(([, name = "", value]) => [name, value]));
}
