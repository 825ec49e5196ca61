import { RegistryAccessError } from "../../errors/errors.ts";
import { osCode } from "../../errors/os-code.ts";
import { shellQuoted } from "../../settings/command-text.ts";
import type { RedisAddress } from "./redis-address.ts";

/** The client library is not installed; it is an optional peer dependency. */
export function clientMissingError({ location }: RedisAddress, cause: unknown): RegistryAccessError {
  return new RegistryAccessError({
    what: `The port registry ${location} needs the Redis client, which is not installed.`,
    state: "Nothing was changed.",
    remedy: "npm install @redis/client",
    registryPath: location,
    cause,
  });
}

/** The server accepted a request and did not answer it in time. */
export function noAnswerError(address: RedisAddress, timeoutMs: number): RegistryAccessError {
  const { location, isTls } = address;
  return new RegistryAccessError({
    what: `The Redis server of the port registry ${location} did not answer within ${timeoutMs / 1_000} s.`,
    state: "Nothing was changed.",
    remedy: `check the server${isTls ? ", that it speaks TLS on this port," : ""} and the network: ${pingCommand(address)}`,
    registryPath: location,
  });
}

/** The connection broke while a commit was on its way, and the server could not be asked about it. */
export function inDoubtError(address: RedisAddress, cause: unknown): RegistryAccessError {
  const { location } = address;
  return new RegistryAccessError({
    what: `The connection to the port registry ${location} broke before the server confirmed a change.`,
    state: "The change may have been saved, or not. Running the same command again is safe in both cases.",
    remedy: `check the server (${pingCommand(address)}), then try again`,
    registryPath: location,
    cause,
  });
}

/** Too few replicas acknowledged a commit in time. */
export function replicasError({ location, replicas }: RedisAddress, acknowledged: number): RegistryAccessError {
  return new RegistryAccessError({
    what: `${acknowledged} of ${replicas} replicas of the port registry ${location} acknowledged a change in time.`,
    state: "The change is saved on the primary and may be lost with it, so it was not acknowledged to the caller.",
    remedy: "check the replicas (redis-cli INFO replication), then try again",
    registryPath: location,
  });
}

/** Settings of the server with which the registry would lose what it keeps. */
export function unsafeServerError({ location }: RedisAddress, what: string, remedy: string): RegistryAccessError {
  return new RegistryAccessError({
    what: `The port registry ${location} cannot be kept on this Redis server: ${what}.`,
    state: "Nothing was changed.",
    remedy,
    registryPath: location,
  });
}

/** Converts the failure of a request to an error that says what to do and never contains the password. */
export function redisError(address: RedisAddress, cause: unknown): RegistryAccessError {
  if (cause instanceof RegistryAccessError) return cause;
  const message = withoutPassword(cause instanceof Error ? cause.message : String(cause), address).trim();
  const code = osCode(cause) || /^([A-Z]{2,})\b/.exec(message)?.[1] || "";
  const known = EXPLANATIONS.find(([pattern]) => pattern.test(`${code} ${message}`));
  return new RegistryAccessError({
    what: `The port registry ${address.location} cannot be used: ${known?.[1] ?? "the Redis server refused a request"}.`,
    state: `The server or the system says: ${message || code || "the connection was closed"}`,
    remedy: known?.[2] ?? `check the server: ${pingCommand(address)}`,
    registryPath: address.location,
    // The client's own error may carry the whole command, and with it the password.
    cause: cause instanceof Error ? Object.assign(new Error(message), { code }) : undefined,
  });
}

const PASSWORD_REMEDY =
  "put the right user and password into the URL: redis://user:password@host:6379, special characters percent-encoded";

const EXPLANATIONS: readonly (readonly [pattern: RegExp, what: string, remedy: string])[] = [
  [/WRONGPASS|invalid username-password/, "the server refused the user or the password", PASSWORD_REMEDY],
  [/NOAUTH|Authentication required/, "the server asks for a password", PASSWORD_REMEDY],
  [
    /NOPERM|The user executing the script can't/,
    "the user may not run a command that the registry needs",
    "ACL SETUSER <user> ~iris-ports:* &iris-ports:* +@read +@write +@scripting +@pubsub +@connection +info +time +wait",
  ],
  [/READONLY/, "the server is a replica, which takes no changes", "name the primary in the URL"],
  [
    /\bOOM\b/,
    "the server is out of memory",
    "give it more memory (maxmemory), or delete other data on it; the registry itself takes a few kilobytes",
  ],
  [
    /MOVED|\bASK\b|CROSSSLOT|CLUSTERDOWN/,
    "the server is part of a Redis Cluster, which is not supported",
    "use a server of its own; docs/fleet.md has a compose file for one",
  ],
  [
    /WRONGTYPE|not an integer/,
    "another program keeps a value of another type under one of its keys",
    "list the keys: redis-cli --scan --pattern 'iris-ports:*'; then delete that key, or choose another database or name",
  ],
  [
    /DB index is out of range/,
    "the server has no database with this number",
    "write a smaller number after the host, or none: redis://host:6379/0",
  ],
  [
    /NOREPLICAS/,
    "the server accepts no changes without replicas that are up to date",
    "check the replicas (redis-cli INFO replication), or set min-replicas-to-write to 0",
  ],
  [
    /DENIED.*protected mode/s,
    "the server is in protected mode, in which it serves only its own host",
    "set a password on the server (requirepass), and put it into the URL",
  ],
  [/\bBUSY\b/, "the server is busy with another program's script, which does not end", "redis-cli SCRIPT KILL"],
  [/LOADING/, "the server is still reading its data from the disk", "try again in a moment"],
  [/MISCONF/, "the server cannot save its data to the disk", "free disk space on the server, and see its log"],
  [/max number of clients/, "the server has too many clients", "raise maxclients on the server"],
  [
    /certificate required/,
    "the server asks for a client certificate, which iris-ports cannot send",
    "set tls-auth-clients to no or optional on the server, and use a password",
  ],
  [
    /ALTNAME/,
    "the server's certificate is for another host name",
    "write the host name of the certificate into the URL",
  ],
  [
    /ERR_SSL|ERR_TLS|CERT|SELF_SIGNED|UNABLE_TO|DEPTH_ZERO|certificate|wrong version number/i,
    "the TLS connection failed",
    "use rediss:// only if the server speaks TLS; for a private authority, set NODE_EXTRA_CA_CERTS to its certificate file",
  ],
  [
    /EPIPE|ECONNRESET|Socket closed/,
    "the server closed the connection",
    "check that a Redis server listens there (rediss:// if it speaks TLS), and see its log",
  ],
  [/ECONNREFUSED|ENOENT/, "no server answers there", "start the server, or correct the URL"],
  [/ENOTFOUND|EAI_AGAIN/, "its host name cannot be resolved", "correct the host name in the URL"],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|timeout/i, "the server cannot be reached", "check the network and the firewall"],
  [/EACCES/, "this user may not open the server's socket", "give this user access to the socket"],
  [/unknown (redis )?command/i, "the server lacks a command", "use Redis 7.0 or newer, or Valkey"],
];

function withoutPassword(text: string, { password, writtenPassword, url }: RedisAddress): string {
  let shown = text.replaceAll(url, "the URL");
  if (writtenPassword) shown = shown.replaceAll(writtenPassword, "***");
  if (password) shown = shown.replaceAll(password, "***").replaceAll(encodeURIComponent(password), "***");
  return shown;
}

function pingCommand({ host, port, socketPath, isTls }: RedisAddress): string {
  if (socketPath !== undefined) return `redis-cli -s ${shellQuoted(socketPath)} ping`;
  return `redis-cli -h ${host} -p ${port}${isTls ? " --tls" : ""} ping`;
}
