/**
 * Loads the Redis client, an optional peer dependency, when the first server is asked. In the action's bundle this module
 * is replaced by one that loads the client from a file of its own.
 */
export function importClient(): Promise<typeof import("@redis/client")> {
  return import("@redis/client");
}
