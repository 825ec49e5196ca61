import { PortNotAssignedError } from "../registry/errors.ts";
import { identifyProject } from "../registry/project.ts";
import type { PortRegistry } from "../registry/registry.ts";
import { commandText, projectWords } from "../settings/command-text.ts";

/** A command about a project's port, and the project has none. */
export function notAssigned(
  { registryPath }: PortRegistry,
  project: string | undefined,
  instance: string | undefined,
  remedy: "assign" | "up" = "assign",
): PortNotAssignedError {
  const identity = identifyProject(project, instance);
  const words = projectWords(identity.projectPath, identity.instance);
  const command = commandText(remedy === "up" ? ["up", "--project", ...words] : ["assign", ...words], registryPath);
  return new PortNotAssignedError({
    what: `Project ${identity.projectKey} has no port assigned.`,
    state: `Registry ${registryPath}.`,
    remedy: `${remedy === "up" ? "start its IRIS" : "assign one"}: ${command}`,
    project: identity.projectKey,
  });
}
