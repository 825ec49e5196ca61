import type { ListedAssignment } from "../src/registry/assignment.ts";
import type { PortRegistry } from "../src/registry/registry.ts";
import { say } from "./output/log.ts";

/** Removes what jobs and processes left behind when they were killed, and says what it was. */
export async function clean(registry: PortRegistry): Promise<readonly ListedAssignment[]> {
  const cleaned = await registry.cleanupStale({
    onContainerRemoved: ({ name }) => say(`Removed container ${name}: the job or process that used it has ended.`),
  });
  for (const { projectKey, port } of cleaned)
    say(`Released port ${port} (${projectKey}): the job or process that held it has ended.`);
  return cleaned;
}
