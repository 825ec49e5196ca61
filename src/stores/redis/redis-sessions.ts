import type { RedisAddress } from "./redis-address.ts";
import { RedisSession } from "./redis-session.ts";

/** One connection for each server and user, however many registries of this process use it. */
const sessions = new Map<string, Promise<RedisSession>>();

/** The session of this process with a server; a new one where the last one broke. @throws RegistryAccessError */
export async function currentSession(address: RedisAddress): Promise<RedisSession> {
  const known = sessions.get(address.url);
  if (known !== undefined) {
    const session = await known.catch(() => undefined);
    if (session?.isUsable) return session;
    session?.close();
    if (sessions.get(address.url) !== known) return currentSession(address);
  }
  const opening = RedisSession.open(address);
  sessions.set(address.url, opening);
  return opening;
}

/** Closes every connection of this process. */
export async function closeSessions(): Promise<void> {
  const open = [...sessions.values()];
  sessions.clear();
  for (const opening of await Promise.allSettled(open)) if (opening.status === "fulfilled") opening.value.close();
}
