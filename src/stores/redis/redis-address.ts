import { InvalidArgumentError } from "../../errors/errors.ts";
import { REDIS_URLS } from "../../settings/config.ts";

/** A registry on a Redis or Valkey server, as `IRIS_PORT_REGISTRY` names it. */
export type RedisAddress = {
  /** The URL as it was given, for other processes. It may hold a password. */
  readonly url: string;
  /** For messages and labels: without user and password. */
  readonly location: string;
  readonly host: string;
  readonly port: number;
  /** The path of a Unix socket, instead of host and port. */
  readonly socketPath: string | undefined;
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The password as the URL spells it, with its percent-encoding. */
  readonly writtenPassword: string | undefined;
  readonly database: number;
  /** Names the pool of ports; by default the container engine's own ID does. */
  readonly name: string | undefined;
  /** How many replicas must have a commit before it counts. */
  readonly replicas: number;
};

const DEFAULT_PORT = 6379;
const LONGEST_NAME = 100;

/**
 * Reads `redis://[user:password@]host[:port][/database][?name=ci&replicas=1]`, `rediss://` (TLS) or
 * `redis+unix://[user:password@]/path/to.sock[?db=0]`.
 * @throws InvalidArgumentError which does not show the password
 */
export function parseRedisUrl(value: string, argument: string): RedisAddress {
  const url = urlOf(value);
  if (url === undefined) throw invalid(argument, "is not a valid URL");
  if (url.hash !== "") throw invalid(argument, "has a #, which must be written as %23 in a password");
  const isUnix = url.protocol === "redis+unix:";
  const options = readOptions(url.searchParams, isUnix, argument);
  const database = isUnix ? options.database : readDatabase(url.pathname.slice(1), argument);
  const socketPath = isUnix ? decoded(url.pathname) : undefined;
  if (isUnix && (!["", SOCKET_HOST].includes(url.host) || !socketPath?.startsWith("/") || socketPath === "/"))
    throw invalid(argument, "names no socket; write redis+unix:///absolute/path.sock, without a host");
  if (!isUnix && url.hostname === "") throw invalid(argument, "names no host");
  return {
    url: value,
    location: locationOf(url, isUnix, database, options),
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || DEFAULT_PORT),
    socketPath,
    isTls: url.protocol === "rediss:",
    username: decoded(url.username),
    password: decoded(url.password),
    writtenPassword: /:\/\/[^:/?#]*:([^/?#]+)@/.exec(value)?.[1],
    database,
    name: options.name,
    replicas: options.replicas,
  };
}

/** Stands for the host of a socket's URL, because a URL without a host cannot have a login. */
const SOCKET_HOST = "socket.invalid";

function urlOf(value: string): URL | undefined {
  const complete = value.replace(/^(redis\+unix:\/\/[^/?#]*@)(?=\/)/i, `$1${SOCKET_HOST}`);
  return URL.canParse(complete) ? new URL(complete) : undefined;
}

type Options = { readonly name: string | undefined; readonly replicas: number; readonly database: number };

function readOptions(parameters: URLSearchParams, isUnix: boolean, argument: string): Options {
  const known = isUnix ? ["name", "replicas", "db"] : ["name", "replicas"];
  for (const key of parameters.keys()) {
    // Anything else may be the rest of a password with a question mark.
    const shownKey = /^[a-z_-]{1,40}$/i.test(key) ? ` ${JSON.stringify(key)}` : "";
    if (!known.includes(key)) throw invalid(argument, `has an unknown parameter${shownKey}`);
  }
  const name = parameters.get("name") || undefined;
  if (name !== undefined && (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) || name.length > LONGEST_NAME))
    throw invalid(argument, "has a name with other characters than letters, digits, dots, underscores and hyphens");
  const replicas = parameters.get("replicas") ?? "0";
  if (!/^\d{1,2}$/.test(replicas)) throw invalid(argument, "has a number of replicas that is not from 0 to 99");
  return { name, replicas: Number(replicas), database: readDatabase(parameters.get("db") ?? "", argument) };
}

function readDatabase(text: string, argument: string): number {
  if (text === "") return 0;
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw invalid(argument, "names a database that is not a number");
}

/** The same text for every way of writing one registry, so that containers are recognised by it. */
function locationOf(url: URL, isUnix: boolean, database: number, { name }: Options): string {
  const server = isUnix
    ? `redis+unix://${url.pathname}?db=${database}`
    : `${url.protocol}//${url.hostname.toLowerCase()}:${url.port || DEFAULT_PORT}/${database}`;
  return name === undefined ? server : `${server}${isUnix ? "&" : "?"}name=${name}`;
}

function decoded(text: string): string | undefined {
  if (text === "") return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that begins no escape stands for itself.
    return text;
  }
}

function invalid(argument: string, problem: string): InvalidArgumentError {
  return new InvalidArgumentError({
    what: `${argument} ${problem}.`,
    state: "Its value is not shown, because it may hold a password.",
    remedy: `write ${REDIS_URLS}`,
    argument,
    value: "(not shown)",
  });
}
