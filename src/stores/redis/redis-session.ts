import { randomBytes } from "node:crypto";
import type { RedisClientOptions } from "@redis/client";
import createDebug from "debug";
import { inTime } from "../../errors/deadline.ts";
import { importClient } from "./import-client.ts";
import type { RedisAddress } from "./redis-address.ts";
import { clientMissingError, noAnswerError, redisError, unsafeServerError } from "./redis-errors.ts";

const debug = createDebug("iris-ports:redis");

/**
 * The limits of a request's time-out: a busy machine misses a shorter one, and with a longer one a broken connection is
 * noticed too late to renew a lease.
 */
const ANSWER_TIMEOUT_MS = { least: 2_000, most: 10_000 };
/** How long a commit waits for replicas, while other processes wait for their turn. */
const REPLICAS_TIMEOUT_MS = 1_000;
/** The prefix of the channel on which one session is woken. */
export const SESSION_CHANNEL = "iris-ports:session:";

/** Which run of which server answers: another one means that acknowledged writes may be lost. */
export type ServerRun = {
  readonly runId: string;
  /** By its own clock, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** It keeps an append-only file, so that a restart loses one second at most. */
  readonly isPersistent: boolean;
};

type Client = Awaited<ReturnType<typeof createTypedClient>>;
type Listener = (message: string) => void;

/** One connection of this process to a server. It is never repaired: when it breaks, the next request opens another. */
export class RedisSession {
  readonly id = randomBytes(9).toString("base64url");
  readonly server: ServerRun;
  readonly #address: RedisAddress;
  readonly #timeoutMs: number;
  readonly #client: Client;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #endListeners = new Set<() => void>();
  #working = 0;
  #isBroken = false;

  private constructor(address: RedisAddress, timeoutMs: number, client: Client, server: ServerRun) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
    this.#client = client;
    this.server = server;
    // The client emits "end" only for a connection that it was told to close.
    client.on("error", (error: unknown) => {
      debug("the connection to %s broke: %s", address.location, redisError(address, error).message);
      this.#end();
    });
  }

  /**
   * @param patienceMs how long the caller waits for the registry, which is the time-out of a request within limits
   * @throws RegistryAccessError
   */
  static async open(address: RedisAddress, patienceMs: number): Promise<RedisSession> {
    const timeoutMs = Math.min(Math.max(patienceMs, ANSWER_TIMEOUT_MS.least), ANSWER_TIMEOUT_MS.most);
    const client = await createTypedClient(address, timeoutMs);
    // Without a listener the error that ends the connection would end the process.
    client.on("error", () => {});
    try {
      await answered(address, timeoutMs, client.connect());
      const server = await answered(address, timeoutMs, readServer(address, client));
      const session = new RedisSession(address, timeoutMs, client, server);
      await session.listen(`${SESSION_CHANNEL}${session.id}`, () => {});
      client.unref();
      return session;
    } catch (cause) {
      client.destroy();
      throw redisError(address, cause);
    }
  }

  /** Calls `listener` when the connection ends, whatever the reason, until the returned function is called. */
  onEnd(listener: () => void): () => void {
    this.#endListeners.add(listener);
    return () => void this.#endListeners.delete(listener);
  }

  get isUsable(): boolean {
    return !this.#isBroken && this.#client.isReady;
  }

  /**
   * Runs a script on the server. A pending request keeps the process running, an idle connection does not.
   * @throws RegistryAccessError
   */
  async run(script: string, keys: readonly string[], values: readonly string[]): Promise<readonly unknown[]> {
    const answer = await this.#ask(() => this.#client.eval(script, { keys: [...keys], arguments: [...values] }));
    return answer as readonly unknown[];
  }

  /** How many replicas acknowledged everything written so far. @throws RegistryAccessError */
  async waitForReplicas(count: number): Promise<number> {
    return this.#ask(() => this.#client.wait(count, REPLICAS_TIMEOUT_MS));
  }

  /** Every key of the server that begins with a prefix. @throws RegistryAccessError */
  async keys(prefix: string): Promise<readonly string[]> {
    return this.#ask(async () => {
      const found: string[] = [];
      for await (const keys of this.#client.scanIterator({ MATCH: `${prefix}*`, COUNT: 1_000 })) found.push(...keys);
      return found;
    });
  }

  /** Subscribes until the returned function is called. @throws RegistryAccessError */
  async listen(channel: string, listener: Listener): Promise<() => void> {
    const listeners = this.#listeners.get(channel) ?? new Set<Listener>();
    listeners.add(listener);
    if (!this.#listeners.has(channel)) {
      this.#listeners.set(channel, listeners);
      await this.#ask(() =>
        this.#client.subscribe(channel, (message) => {
          for (const each of [...listeners]) each(message);
        }),
      );
    }
    return () => void listeners.delete(listener);
  }

  close(): void {
    this.#end();
    this.#client.destroy();
  }

  #end(): void {
    this.#isBroken = true;
    const listeners = [...this.#endListeners];
    this.#endListeners.clear();
    for (const listener of listeners) listener();
  }

  async #ask<T>(request: () => Promise<T>): Promise<T> {
    if (this.#working++ === 0) this.#client.ref();
    try {
      return await answered(this.#address, this.#timeoutMs, request());
    } catch (cause) {
      // The server may still carry out the request. On a new connection its answer cannot be taken for the next one's. And
      // if the server has become a replica, a new connection may lead to the primary.
      if (!isRefusal(cause) || isReplica(cause)) this.close();
      throw redisError(this.#address, cause);
    } finally {
      if (--this.#working === 0 && this.isUsable) this.#client.unref();
    }
  }
}

function isReplica(cause: unknown): boolean {
  return cause instanceof Error && cause.message.startsWith("READONLY");
}

/** True if the server itself answered. */
function isRefusal(cause: unknown): boolean {
  return cause instanceof Error && /^[A-Z]{3,}\b/.test(cause.message);
}

function answered<T>(address: RedisAddress, timeoutMs: number, work: Promise<T>): Promise<T> {
  return inTime(work, timeoutMs, () => noAnswerError(address, timeoutMs));
}

async function createTypedClient(address: RedisAddress, timeoutMs: number) {
  const { createClient } = await loadClient(address);
  const { host, port, socketPath, isTls, username, password, database } = address;
  // Longer than the time-out of this module, whose error says more.
  const common = { connectTimeout: 2 * timeoutMs, reconnectStrategy: false as const };
  const options: RedisClientOptions = {
    socket:
      socketPath === undefined
        ? { host, port, ...common, ...(isTls ? { tls: true as const } : {}) }
        : { path: socketPath, tls: false, ...common },
    database,
    name: "iris-ports",
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
  return createClient(options);
}

async function loadClient(address: RedisAddress) {
  try {
    return await importClient();
  } catch (cause) {
    throw clientMissingError(address, cause);
  }
}

/** @throws RegistryAccessError when the server would forget what it acknowledged */
async function readServer(address: RedisAddress, client: Client): Promise<ServerRun> {
  const info = parseInfo(await client.info());
  if (info.get("cluster_enabled") === "1") throw unsafeCluster(address);
  if (info.get("role") === "slave") throw new Error("READONLY the server is a replica");
  const policy = info.get("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") {
    const what = `its maxmemory-policy is ${policy}, so that it may delete the registry when memory runs short`;
    throw unsafeServerError(address, what, "redis-cli CONFIG SET maxmemory-policy noeviction");
  }
  return {
    runId: info.get("run_id") ?? "",
    startedAtMs: Number(info.get("server_time_usec")) / 1_000 - Number(info.get("uptime_in_seconds")) * 1_000,
    isPersistent: info.get("aof_enabled") === "1",
  };
}

function unsafeCluster(address: RedisAddress): Error {
  return redisError(address, new Error("CLUSTERDOWN the server runs in cluster mode"));
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(/\r?\n/).map((line) => line.split(":", 2));
  return new Map(pairs.filter((pair): pair is [string, string] => pair.length === 2));
}
