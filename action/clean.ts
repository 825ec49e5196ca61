import type { ListedAssignment } from "../src/registry/assignment.ts";
import type { PortRegistry } from "../src/registry/registry.ts";
import { say } from "./output/log.ts";

/** Removes what killed jobs and processes left behind, and reports it. */
export async function clean(registry: PortRegistry): Promise<readonly ListedAssignment[]> {
  const cleaned = await registry.cleanupStale({
    onContainerRemoved: ({ name }) => say(`Removed container ${name}: the job or process that used it has ended.`),
  });
  for (const { projectKey, port } of cleaned)
    say(`Released port ${port} (${projectKey}): the job or process that held it has ended.`);
  return cleaned;
}
