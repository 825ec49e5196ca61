import { createHash, randomBytes } from "node:crypto";
import createDebug from "debug";
import { RegistryCorruptError, RegistrySchemaError } from "../../errors/errors.ts";
import { EMPTY_DOCUMENT, type RegistryDocument, serializeDocument } from "../document.ts";
import { DocumentError, NewerSchemaError } from "../document-error.ts";
import { parseDocument } from "../parse-document.ts";
import type { Cleared, SharedStore, Store, Unreadable, Update } from "../store.ts";
import type { RedisAddress } from "./redis-address.ts";
import { inDoubtError, replicasError } from "./redis-errors.ts";
import { COMMIT, READ } from "./redis-scripts.ts";
import type { RedisSession } from "./redis-session.ts";
import { currentSession } from "./redis-sessions.ts";
import { type Answer, enterTurn, leaveTurn, type PoolKeys, poolKeys, readAnswer } from "./redis-turnstile.ts";
import { ServerWatch } from "./server-watch.ts";

const debug = createDebug("iris-ports:redis");
/** A holder that has not renewed for this long is gone. After a loss of data, holders have this long to assert their ports. */
export const LEASE_MS = 90_000;

/** The names of all pools that a server keeps, in alphabetical order. @throws RegistryAccessError */
export async function listPools(address: RedisAddress): Promise<readonly string[]> {
  const keys = await (await currentSession(address)).keys("iris-ports:{");
  const names = keys.map((key) => /^iris-ports:\{(.+)\}:document$/.exec(key)?.[1]);
  return names.filter((name) => name !== undefined).sort();
}

export type RedisStoreOptions = {
  readonly address: RedisAddress;
  /** Names the pool of ports if the address does not. */
  readonly pool: () => Promise<string>;
  /** How long an update waits for its turn, and within limits for an answer of the server, in milliseconds. */
  readonly lockTimeoutMs: number;
  /** The command that repairs an unreadable document. */
  readonly repairCommand: string;
  /** @default 90000 */
  readonly leaseMs?: number;
};

type Snapshot = {
  readonly document: RegistryDocument;
  readonly commit: string;
  readonly revision: number;
  readonly unreadable?: Unreadable | undefined;
  /** A grace period that the stored document does not record yet. If it were not saved, it would begin anew each time. */
  readonly isGraceNew?: boolean;
};

type Change<T> = (document: RegistryDocument, unreadable: Unreadable | undefined) => Promise<Update<T>>;

const NOTHING: Snapshot = { document: EMPTY_DOCUMENT, commit: "", revision: 0 };

/** Within one process, updates of one pool come one after the other: the server's queue is for processes. */
const queues = new Map<string, Promise<unknown>>();

/**
 * Keeps the document on a Redis or Valkey server. A commit is a compare-and-swap in one script of the server; the queue
 * before it only keeps contenders from repeating each other's work.
 */
export class RedisStore implements Store {
  readonly location: string;
  readonly address: string;
  readonly shared: SharedStore;
  readonly #address: RedisAddress;
  readonly #options: RedisStoreOptions;
  readonly #watch: ServerWatch;
  #keys: PoolKeys | undefined;
  #listening: { readonly session: RedisSession; stop: () => void } | undefined;
  #last = NOTHING;

  constructor(options: RedisStoreOptions) {
    this.#address = options.address;
    this.#options = options;
    this.location = options.address.location;
    this.address = options.address.url;
    const leaseMs = options.leaseMs ?? LEASE_MS;
    this.#watch = new ServerWatch(leaseMs);
    this.shared = {
      leaseMs,
      now: () => this.#watch.now(),
      awaitChange: (seen, timeoutMs) => this.#awaitChange(seen, timeoutMs),
      listenForLoss: (listener) => this.#listenForLoss(listener),
      ignoreLoss: () => this.#ignoreLoss(),
    };
  }

  async read(): Promise<RegistryDocument> {
    return (await this.#read(await this.#session())).document;
  }

  async update<T>(change: (document: RegistryDocument) => Promise<Update<T>>): Promise<T> {
    return this.#inTurn(change, false);
  }

  async replaceUnreadable<T>(change: Change<T>): Promise<T> {
    return this.#inTurn(change, true);
  }

  async clearObstacles(): Promise<readonly Cleared[]> {
    return [];
  }

  async #inTurn<T>(change: Change<T>, isReplacing: boolean): Promise<T> {
    const keys = await this.#poolKeys();
    const queue = `${this.location} ${keys.pool}`;
    const before = queues.get(queue) ?? Promise.resolve();
    const work = before.then(() => this.#enter(keys, change, isReplacing));
    // A failure is reported to its own caller; the next update starts regardless.
    const settled = work.then(
      () => {},
      () => {},
    );
    queues.set(queue, settled);
    try {
      return await work;
    } finally {
      if (queues.get(queue) === settled) queues.delete(queue);
    }
  }

  async #enter<T>(keys: PoolKeys, change: Change<T>, isReplacing: boolean): Promise<T> {
    const session = await this.#session();
    const wait = { address: this.#address, timeoutMs: this.#options.lockTimeoutMs };
    let answer: Answer | undefined = await enterTurn(session, keys, this.#last.commit, wait);
    try {
      for (;;) {
        const read = answer ? await this.#accept(session, answer, isReplacing) : await this.#read(session, isReplacing);
        const base = await this.#heeded(session, read);
        const update = await change(base.document, base.unreadable);
        const document = update.document ?? base.document;
        const isUnchanged = document === base.document && base.unreadable === undefined && !base.isGraceNew;
        if (isUnchanged || (await this.#commit(session, document, base))) return update.result;
        answer = undefined;
      }
    } finally {
      await leaveTurn(session, keys).catch((error: unknown) => debug("the turn was not given up: %o", error));
    }
  }

  /**
   * True when it is the newest version now, false if another commit came first.
   * @throws RegistryAccessError when the server did not confirm it, or too few replicas did
   */
  async #commit(session: RedisSession, document: RegistryDocument, base: Snapshot): Promise<boolean> {
    const keys = await this.#poolKeys();
    const token = { revision: base.revision + 1, commit: randomBytes(8).toString("hex") };
    const json = serializeDocument(document, token).toString();
    const send = async (over: RedisSession) =>
      over.run(
        COMMIT,
        [keys.document, keys.commits],
        [base.commit, token.commit, String(token.revision), json, keys.notices],
      );
    const [isNewest, nowMs] = await send(session).catch(async (cause: unknown) => {
      if (session.isUsable) throw cause;
      // The server may have committed and only the answer was lost; a repeated request tells.
      try {
        return await send(await this.#session());
      } catch {
        throw inDoubtError(this.#address, cause);
      }
    });
    this.#watch.heard(Number(nowMs));
    if (isNewest !== 1) return false;
    if (this.#address.replicas > 0) await this.#awaitReplicas(this.#address.replicas);
    this.#last = { document, commit: token.commit, revision: token.revision };
    return true;
  }

  /** @throws RegistryAccessError when too few replicas acknowledged the commit, or the server does not answer any more */
  async #awaitReplicas(replicas: number): Promise<void> {
    const session = await this.#session();
    const acknowledged = await session.waitForReplicas(replicas).catch((cause: unknown) => {
      throw session.isUsable ? cause : inDoubtError(this.#address, cause);
    });
    if (acknowledged < replicas) throw replicasError(this.#address, acknowledged);
  }

  async #read(session: RedisSession, isReplacing = false): Promise<Snapshot> {
    const { document } = await this.#poolKeys();
    return this.#accept(session, readAnswer(await session.run(READ, [document], [this.#last.commit])), isReplacing);
  }

  /** The answer as a document, with what the server's own history says about it. */
  async #accept(session: RedisSession, answer: Answer, isReplacing: boolean): Promise<Snapshot> {
    this.#watch.heard(answer.nowMs);
    const seen = this.#last;
    const parsed = this.#parse(answer, seen);
    if (parsed instanceof DocumentError && !isReplacing) throw this.#corrupt(parsed);
    const snapshot = parsed instanceof DocumentError ? await this.#setAside(session, answer, parsed) : parsed;
    const isMissing = answer.commit === "" && answer.json === undefined;
    const isOlder = snapshot.unreadable === undefined && snapshot.revision < seen.revision;
    const isLost = isOlder || (isMissing && (await this.#hasListeners(session)));
    const server = this.#watch.judge({ ...session.server, ...answer }, snapshot.document.server, { isLost, isMissing });
    // A loss counts until a commit records it, which may not be the one of this reader.
    if (snapshot.unreadable === undefined && !isOlder) this.#last = snapshot;
    if (server === snapshot.document.server) return snapshot;
    return { ...snapshot, document: { ...snapshot.document, server }, isGraceNew: server.grace_until !== undefined };
  }

  #parse({ commit, json }: Answer, seen: Snapshot): Snapshot | DocumentError {
    if (commit === "" && json === undefined) return NOTHING;
    if (json === undefined) return commit === seen.commit ? seen : new DocumentError("its field json is missing");
    try {
      const { document, token } = parseDocument(json);
      return { document, commit, revision: token?.revision ?? 0 };
    } catch (cause) {
      if (cause instanceof DocumentError) return cause;
      throw cause instanceof NewerSchemaError ? this.#newerSchema(cause) : cause;
    }
  }

  /** Keeps an unreadable document under a key of its own, and goes on with an empty one. */
  async #setAside(session: RedisSession, { commit, json = "" }: Answer, { message }: DocumentError): Promise<Snapshot> {
    const digest = createHash("sha256").update(json).digest("hex").slice(0, 12);
    const keptAs = `${(await this.#poolKeys()).document}.corrupt-${digest}`;
    await session.run("redis.call('SET', KEYS[1], ARGV[1])\nreturn {}", [keptAs], [json]);
    return { ...NOTHING, commit, unreadable: { reason: message, keptAs } };
  }

  /** With a grace period if the holders have been silent; those that are connected renew at once. */
  async #heeded(session: RedisSession, base: Snapshot): Promise<Snapshot> {
    const server = this.#watch.judgeSilence(base.document);
    if (server === undefined) return base;
    await this.#hasListeners(session);
    return { ...base, document: { ...base.document, server }, isGraceNew: true };
  }

  /** True if processes are connected that hold something; each asserts it at once. */
  async #hasListeners(session: RedisSession): Promise<boolean> {
    const { holding } = await this.#poolKeys();
    const [count] = await session.run("return {redis.call('PUBLISH', KEYS[1], 'lost')}", [holding], []);
    return Number(count) > 0;
  }

  async #awaitChange(seen: RegistryDocument, timeoutMs: number): Promise<void> {
    const { notices } = await this.#poolKeys();
    const change = Promise.withResolvers<void>();
    const timer = setTimeout(change.resolve, Math.max(1, timeoutMs));
    const stop = await (await this.#session()).listen(notices, () => change.resolve());
    try {
      // A commit that came before it listened is not announced to it. Our own, which queued a waiter, keeps the records.
      const { assignments } = await this.read();
      if (assignments === seen.assignments) await change.promise;
    } finally {
      clearTimeout(timer);
      stop();
    }
  }

  async #listenForLoss(listener: () => void): Promise<void> {
    const session = await this.#session();
    if (this.#listening?.session === session) return;
    this.#ignoreLoss();
    const stopEnd = session.onEnd(listener);
    const listening = { session, stop: stopEnd };
    this.#listening = listening;
    const stopListening = await session.listen((await this.#poolKeys()).holding, listener);
    listening.stop = () => {
      stopListening();
      stopEnd();
    };
    // ignoreLoss() may have been called in the meantime.
    if (this.#listening !== listening) listening.stop();
  }

  #ignoreLoss(): void {
    this.#listening?.stop();
    this.#listening = undefined;
  }

  async #session(): Promise<RedisSession> {
    return currentSession(this.#address, this.#options.lockTimeoutMs);
  }

  async #poolKeys(): Promise<PoolKeys> {
    this.#keys ??= poolKeys(this.#address.name ?? (await this.#options.pool()));
    return this.#keys;
  }

  #corrupt(cause: DocumentError): RegistryCorruptError {
    return new RegistryCorruptError({
      what: `The port registry ${this.location} cannot be read: ${cause.message}.`,
      state: "It was not touched.",
      remedy: this.#options.repairCommand,
      registryPath: this.location,
      cause,
    });
  }

  #newerSchema({ schemaVersion }: NewerSchemaError): RegistrySchemaError {
    return new RegistrySchemaError({
      what: `The port registry ${this.location} has schema_version ${schemaVersion}, which is newer than this iris-ports understands.`,
      state: "Nothing was changed.",
      remedy: "npm install iris-ports@latest",
      registryPath: this.location,
      schemaVersion,
    });
  }
}
