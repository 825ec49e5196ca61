import type { ListedAssignment } from "../src/ports/assignment.ts";
import type { RegistryCore } from "../src/ports/registry.ts";
import { say } from "./log.ts";

/** Removes what dead jobs and processes left behind, containers included, and says what it was. */
export async function clean(registry: RegistryCore): Promise<readonly ListedAssignment[]> {
  const cleaned = await registry.cleanupStale();
  for (const { projectKey, port } of cleaned) say(`${projectKey} left port ${port} behind; it is free again.`);
  return cleaned;
}
