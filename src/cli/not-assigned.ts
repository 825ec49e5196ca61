import { PortNotAssignedError } from "../registry/errors.ts";
import { identifyProject } from "../registry/project.ts";
import type { PortRegistry } from "../registry/registry.ts";
import { commandText, projectWords, shellQuoted } from "../settings/command-text.ts";
import { enclosingProject, enclosingText } from "./enclosing-project.ts";

/** The error of a command that needs a project's port when the project has none. */
export async function notAssigned(
  registry: PortRegistry,
  project: string | undefined,
  instance: string | undefined,
  remedy: "assign" | "up" = "assign",
): Promise<PortNotAssignedError> {
  const { registryPath } = registry;
  const identity = identifyProject(project, instance);
  const words = projectWords(identity.projectPath, identity.instance);
  const command = commandText(remedy === "up" ? ["up", "--project", ...words] : ["assign", ...words], registryPath);
  const start = remedy === "up" ? "start its IRIS" : "assign one";
  const enclosing = await enclosingProject(registry, identity.projectPath);
  return new PortNotAssignedError({
    what: `Project ${identity.projectKey} has no port assigned.`,
    state: `Registry ${registryPath}.${enclosing === undefined ? "" : ` ${enclosingText(enclosing)}`}`,
    remedy:
      enclosing === undefined
        ? `${start}: ${command}`
        : `run the command there (cd ${shellQuoted(enclosing.projectPath)}), or ${start}: ${command}`,
    project: identity.projectKey,
  });
}
