import type { ListedAssignment } from "../src/registry/assignment.ts";
import type { PortRegistry } from "../src/registry/registry.ts";
import { say } from "./output/log.ts";

/** Removes what dead jobs and processes left behind, containers included, and says what it was. */
export async function clean(registry: PortRegistry): Promise<readonly ListedAssignment[]> {
  const cleaned = await registry.cleanupStale();
  for (const { projectKey, port } of cleaned) say(`${projectKey} left port ${port} behind; it is free again.`);
  return cleaned;
}
