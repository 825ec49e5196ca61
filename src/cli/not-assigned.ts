import { PortNotAssignedError } from "../registry/errors.ts";
import { identifyProject } from "../registry/project.ts";
import type { PortRegistry } from "../registry/registry.ts";
import { commandText, projectWords } from "../settings/command-text.ts";

/** A command about a project's port, and the project has none. */
export function notAssigned(
  { registryPath }: PortRegistry,
  project: string | undefined,
  instance: string | undefined,
): PortNotAssignedError {
  const identity = identifyProject(project, instance);
  const assign = commandText(["assign", ...projectWords(identity.projectPath, identity.instance)], registryPath);
  return new PortNotAssignedError({
    what: `Project ${identity.projectKey} has no port assigned.`,
    state: `Registry ${registryPath}.`,
    remedy: `assign one: ${assign}`,
    project: identity.projectKey,
  });
}
