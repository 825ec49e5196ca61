import { PortAssignmentTimeoutError } from "../../errors/errors.ts";
import { Patience } from "../patience.ts";
import type { RedisAddress } from "./redis-address.ts";
import { ENTER, LEAVE } from "./redis-scripts.ts";
import { type RedisSession, SESSION_CHANNEL } from "./redis-session.ts";

/** How long a turn may take before another process may begin its own: the commit itself is fenced. */
const TURN_MS = 5_000;
/** How soon a process whose turn has come must begin. */
const BEGIN_MS = 1_500;
/** How often waiters check the lock without being woken: a stopped process does not wake the next one. */
const LOOK_MS = 1_000;

/** The keys of one pool. */
export type PoolKeys = {
  readonly pool: string;
  readonly document: string;
  readonly commits: string;
  readonly queue: string;
  readonly seen: string;
  readonly lock: string;
  readonly sequence: string;
  /** The channel on which every commit is announced. */
  readonly notices: string;
  /** The channel on which processes that hold ports listen for a loss of data. */
  readonly holding: string;
};

export function poolKeys(pool: string): PoolKeys {
  const key = (name: string) => `iris-ports:{${pool}}:${name}`;
  return {
    pool,
    document: key("document"),
    commits: key("commits"),
    queue: key("queue"),
    seen: key("seen"),
    lock: key("lock"),
    sequence: key("sequence"),
    notices: key("notices"),
    holding: key("holding"),
  };
}

/** The document as the server answered it; `json` is left out if the caller has that commit already. */
export type Answer = {
  readonly commit: string;
  readonly json: string | undefined;
  readonly nowMs: number;
  readonly replicationId: string;
};

export function readAnswer([commit, json, nowMs, replicationId]: readonly unknown[]): Answer {
  return {
    commit: String(commit),
    json: typeof json === "string" ? json : undefined,
    nowMs: Number(nowMs),
    replicationId: String(replicationId),
  };
}

/**
 * Waits for the turn in the order of arrival, and reads the document with it.
 * @throws PortAssignmentTimeoutError when the queue did not move within the time-out; RegistryAccessError
 */
export async function enterTurn(
  session: RedisSession,
  keys: PoolKeys,
  known: string,
  { address, timeoutMs }: { readonly address: RedisAddress; readonly timeoutMs: number },
): Promise<Answer> {
  const patience = new Patience(timeoutMs);
  let place = Number.POSITIVE_INFINITY;
  const wake = new Wake();
  const stop = await session.listen(`${SESSION_CHANNEL}${session.id}`, (pool) => {
    if (pool === keys.pool) wake.now();
  });
  try {
    for (;;) {
      const [isMine, ...answer] = await session.run(
        ENTER,
        [keys.document, keys.queue, keys.seen, keys.lock, keys.sequence],
        [session.id, known, String(TURN_MS), SESSION_CHANNEL, keys.pool, String(BEGIN_MS + LOOK_MS)],
      );
      if (isMine === 1) return readAnswer(answer);
      if (Number(answer[0]) < place) patience.moved();
      place = Number(answer[0]);
      const { leftMs } = patience;
      if (leftMs <= 0) throw timeoutError(address, timeoutMs, place);
      await wake.within(Math.min(LOOK_MS, leftMs));
    }
  } catch (error) {
    await leaveTurn(session, keys);
    throw error;
  } finally {
    stop();
  }
}

/** Gives up the turn or the place in the queue. Both end automatically when the connection breaks. */
export async function leaveTurn(session: RedisSession, keys: PoolKeys): Promise<void> {
  if (!session.isUsable) return;
  const values = [session.id, String(BEGIN_MS), SESSION_CHANNEL, keys.pool];
  await session.run(LEAVE, [keys.queue, keys.seen, keys.lock], values);
}

/** A wait that ends early when it is called. */
class Wake {
  #isCalled = false;
  #resolve: (() => void) | undefined;

  now(): void {
    this.#isCalled = true;
    this.#resolve?.();
  }

  async within(timeMs: number): Promise<void> {
    if (!this.#isCalled) {
      const called = Promise.withResolvers<void>();
      const timer = setTimeout(called.resolve, timeMs);
      this.#resolve = called.resolve;
      await called.promise;
      clearTimeout(timer);
    }
    this.#isCalled = false;
  }
}

function timeoutError(address: RedisAddress, timeoutMs: number, place: number): PortAssignmentTimeoutError {
  const { location } = address;
  return new PortAssignmentTimeoutError({
    what: `The lock of the port registry ${location} was not obtained within ${timeoutMs} ms.`,
    state: `This process was number ${place} in the queue. Nothing was changed.`,
    remedy: "try again; on a busy machine raise lockTimeoutMs",
    registryPath: location,
    lockPath: location,
    timeoutMs,
  });
}
