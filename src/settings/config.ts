import { homedir } from "node:os";
import { basename, dirname, extname, isAbsolute, join, resolve } from "node:path";
import { InvalidArgumentError } from "../errors/errors.ts";
import { hasControlCharacter, isLossless, isPort, shown } from "./checks.ts";
import { realPath } from "./real-path.ts";
import { NOT_EXPANDED, shellExpanded } from "./shell-path.ts";

/** The default range: first and last port, both included. */
export const DEFAULT_PORT_RANGE = [1972, 1981] as const;
/** How long an assignment waits for the registry's lock by default, in milliseconds. */
export const DEFAULT_LOCK_TIMEOUT_MS = 5_000;

/** Every environment variable that iris-ports reads. Empty variables count as not set. */
export function environment() {
  const read = (name: string) => process.env[name] || undefined;
  return {
    registryPath: read("IRIS_PORT_REGISTRY"),
    portRange: read("IRIS_PORT_RANGE"),
    project: read("IRIS_PORTS_PROJECT"),
    instance: read("IRIS_PORTS_INSTANCE"),
    dockerHost: read("DOCKER_HOST"),
    dockerTlsVerify: read("DOCKER_TLS_VERIFY"),
    dockerCertPath: read("DOCKER_CERT_PATH"),
    dockerConfig: read("DOCKER_CONFIG"),
    dockerContext: read("DOCKER_CONTEXT"),
    testcontainersHostOverride: read("TESTCONTAINERS_HOST_OVERRIDE"),
    testcontainersReuseEnable: read("TESTCONTAINERS_REUSE_ENABLE"),
    xdgRuntimeDir: read("XDG_RUNTIME_DIR"),
    runnerTemp: read("RUNNER_TEMP"),
    npmCommand: read("npm_command"),
    home: homeDirectory(),
  };
}

/** The home directory; undefined for users without an entry in the system, as in many containers. */
function homeDirectory(): string | undefined {
  try {
    const home = homedir();
    return isAbsolute(home) ? home : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The path of the document: the argument, else `IRIS_PORT_REGISTRY`, else the Python tool's
 * `~/.iris-devtester/port-registry.json`. Symbolic links in its directories are resolved, so that one registry has one
 * name; the file itself is not followed. The URL of a Redis server is returned unchanged.
 * @param argument the name of the argument, for messages
 * @throws InvalidArgumentError for anything but an absolute path or a Redis URL
 */
export function resolveRegistryPath(path?: string, argument = "registryPath"): string {
  const { registryPath } = environment();
  if (path !== undefined) return checkRegistryPath(path, argument);
  if (registryPath !== undefined) return checkRegistryPath(registryPath, "IRIS_PORT_REGISTRY");
  return canonicalFile(join(requireHome(), ".iris-devtester", "port-registry.json"));
}

function checkRegistryPath(value: unknown, argument: string): string {
  if (typeof value === "string" && /^(?!file:)[^/\\]{2,}:\/\//i.test(value)) return checkUrl(value, argument);
  if (typeof value !== "string" || value.trim() === "" || hasControlCharacter(value))
    throw new InvalidArgumentError({
      what: `${argument} is not a usable path: ${shown(value)}.`,
      remedy: `give the absolute path of a file: ${EXAMPLE_PATH}`,
      argument,
      value,
    });
  if (!isLossless(value))
    throw new InvalidArgumentError({
      what: `${argument} is not valid UTF-8: ${shown(value)}.`,
      state: "Different byte sequences would name the same registry.",
      remedy: `give a path whose names are valid UTF-8, e.g. ${EXAMPLE_PATH}`,
      argument,
      value,
    });
  if (isRedisUrl(value)) return value;
  // A relative path names another registry in every working directory, and two registries hand out the same ports.
  if (!isFullPath(value)) throw relativeRegistry(value, argument);
  const real = canonicalFile(resolve(value));
  // The Python tool's lock has the document's name with the extension .lock; taking it would empty this document.
  if (extname(real) === ".lock")
    throw new InvalidArgumentError({
      what: `${argument} ends in .lock, the name of the Python tool's lock file: ${shown(value)}.`,
      remedy: `choose another name, e.g. ${real.slice(0, -".lock".length)}.json`,
      argument,
      value,
    });
  return real;
}

function checkUrl(value: string, argument: string): string {
  if (isRedisUrl(value) && !hasControlCharacter(value) && isLossless(value)) return value;
  const problem = isRedisUrl(value)
    ? "contains a character that no URL may contain, for example a line break"
    : "is a URL that begins with none of redis://, rediss:// and redis+unix://";
  throw new InvalidArgumentError({
    what: `${argument} ${problem}.`,
    state: "Its value is not shown, because it may hold a password.",
    remedy: `write ${REDIS_URLS}; or the absolute path of a file: ${EXAMPLE_PATH}`,
    argument,
    value: "(not shown)",
  });
}

const EXAMPLE_PATH = "/var/lib/iris-ports/port-registry.json";

function relativeRegistry(value: string, argument: string): InvalidArgumentError {
  const expanded = shellExpanded(value, environment().home);
  const isMeant = isFullPath(expanded);
  return new InvalidArgumentError({
    what: `${argument} is not an absolute path: ${shown(value)}.`,
    state: isMeant ? NOT_EXPANDED : "A relative path would name a different registry in every working directory.",
    remedy: `give the absolute path of a file: ${isMeant ? expanded : EXAMPLE_PATH}`,
    argument,
    value,
  });
}

/** True for a path that does not depend on the working directory; on Windows it includes the drive. */
function isFullPath(path: string): boolean {
  return process.platform === "win32" ? /^([a-z]:[\\/]|[\\/]{2}[^\\/])/i.test(path) : isAbsolute(path);
}

/** How the URL of a server is written, for messages. */
export const REDIS_URLS =
  "redis://[user:password@]host:6379[/db][?name=ci&replicas=1], rediss:// for TLS, or " +
  "redis+unix://[user:password@]/path/to.sock[?db=0]; special characters of the password percent-encoded";

/** True for the URL of a Redis or Valkey server. */
export function isRedisUrl(value: string): boolean {
  return /^(rediss?|redis\+unix):/i.test(value);
}

function canonicalFile(path: string): string {
  return join(realPath(dirname(path)), basename(path));
}

function requireHome(): string {
  const { home } = environment();
  if (home !== undefined) return home;
  throw new InvalidArgumentError({
    what: "The home directory, in which the port registry is by default, is not known.",
    state: "HOME is empty or relative, or this user has none.",
    remedy: "set HOME to an absolute path, or IRIS_PORT_REGISTRY to the path of a file that all projects share",
    argument: "IRIS_PORT_REGISTRY",
    value: undefined,
  });
}

/**
 * The range of ports: the argument, else `IRIS_PORT_RANGE`, else 1972-1981. As text: `first-last`, or one port.
 * @throws InvalidArgumentError when it is empty, reversed, not whole numbers, or outside 1-65535
 */
export function resolvePortRange(
  range?: string | readonly [number, number],
  name = "portRange",
): readonly [number, number] {
  const fromEnvironment = environment().portRange;
  if (range === undefined && fromEnvironment === undefined) return DEFAULT_PORT_RANGE;
  const [argument, value] = range === undefined ? ["IRIS_PORT_RANGE", fromEnvironment as string] : [name, range];
  const pair = typeof value === "string" ? parseRange(value) : value;
  const [first, last] = Array.isArray(pair) && pair.length === 2 ? pair : [Number.NaN, Number.NaN];
  if (isPort(first) && isPort(last) && first <= last) return [first, last];
  const reversed = isPort(first) && isPort(last) ? " Write the lower port first." : "";
  throw new InvalidArgumentError({
    what: `${argument} is not a range of ports: ${shown(value)}.${reversed}`,
    remedy: "write first-last with ports from 1 to 65535, e.g. 1972-1981",
    argument,
    value,
  });
}

function parseRange(text: string): readonly [number, number] | undefined {
  const match = /^\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?$/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2] ?? match[1])];
}
