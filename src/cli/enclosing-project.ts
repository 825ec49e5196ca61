import { dirname } from "node:path";
import type { PortAssignment } from "../registry/assignment.ts";
import type { PortRegistry } from "../registry/registry.ts";

/** The nearest directory above that has a port: commands are often given in a subdirectory of the project. */
export async function enclosingProject(
  registry: PortRegistry,
  projectPath: string,
): Promise<PortAssignment | undefined> {
  const above = dirname(projectPath);
  if (above === projectPath) return undefined;
  const identity = { projectPath: above, instance: undefined, projectKey: above };
  return (await registry.getAssignment(identity)) ?? (await enclosingProject(registry, above));
}

/** The enclosing project, as a sentence for messages. */
export function enclosingText({ projectKey, port }: PortAssignment): string {
  return `Project ${projectKey}, which contains it, has port ${port}.`;
}
