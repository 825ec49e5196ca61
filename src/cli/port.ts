import { assignmentJson } from "../report/assignment-json.ts";
import { plainJson } from "../text/plain-text.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { notAssigned } from "./not-assigned.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { standardOutput } from "./terminal.ts";

/**
 * `iris-ports port [project]`: prints the port that the project has; assigns nothing. With `--quiet`, only the exit code
 * reports a project without a port. @throws PortNotAssignedError
 */
export async function port(
  project: string | undefined,
  options: GlobalOptions & { instance?: string; json?: boolean; quiet?: boolean },
): Promise<number> {
  const { instance } = options;
  const registry = openRegistry(options);
  const assignment = await registry.getAssignment(project, { instance });
  if (assignment !== undefined) {
    standardOutput().write(options.json ? `${plainJson(assignmentJson(assignment))}\n` : `${assignment.port}\n`);
    return EXIT_CODES.ok;
  }
  if (options.quiet) return EXIT_CODES.notAssigned;
  throw await notAssigned(registry, project, instance);
}
