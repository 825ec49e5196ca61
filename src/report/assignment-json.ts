import type { ListedAssignment, PortAssignment } from "../registry/assignment.ts";
import type { Holder } from "../registry/holder.ts";

/** An assignment as `--json` prints it; times are ISO 8601 in UTC. */
export function assignmentJson(assignment: PortAssignment | ListedAssignment) {
  const { projectPath, instance, projectKey, port, webPort, assignmentType, status, containerName } = assignment;
  return {
    projectPath,
    instance,
    projectKey,
    port,
    webPort,
    assignmentType,
    status,
    containerName,
    assignedAt: assignment.assignedAt.toISOString(),
    ...("holders" in assignment && { holders: assignment.holders.map(holderJson), evidence: assignment.evidence }),
  };
}

function holderJson(holder: Holder) {
  return {
    kind: holder.kind,
    id: holder.id,
    description: holder.description,
    since: holder.since.toISOString(),
    expiresAt: holder.expiresAt?.toISOString(),
    pid: holder.kind === "manual" ? undefined : holder.process?.pid,
  };
}
