import { DEFAULT_LOCK_TIMEOUT_MS } from "../../settings/config.ts";
import type { RedisAddress } from "./redis-address.ts";
import { RedisSession } from "./redis-session.ts";

/** One connection for each server, user and patience, however many registries of this process use it. */
const sessions = new Map<string, Promise<RedisSession>>();

/** The session of this process with a server; a new one where the last one broke. @throws RegistryAccessError */
export async function currentSession(
  address: RedisAddress,
  patienceMs = DEFAULT_LOCK_TIMEOUT_MS,
): Promise<RedisSession> {
  const key = `${address.url} ${patienceMs}`;
  const known = sessions.get(key);
  if (known !== undefined) {
    const session = await known.catch(() => undefined);
    if (session?.isUsable) return session;
    session?.close();
    if (sessions.get(key) !== known) return currentSession(address, patienceMs);
  }
  const opening = RedisSession.open(address, patienceMs);
  sessions.set(key, opening);
  return opening;
}

/** Closes every connection of this process. */
export async function closeSessions(): Promise<void> {
  const open = [...sessions.values()];
  sessions.clear();
  for (const opening of await Promise.allSettled(open)) if (opening.status === "fulfilled") opening.value.close();
}
