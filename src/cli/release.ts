import { assignmentJson } from "../report/assignment-json.ts";
import { projectText } from "../report/assignment-table.ts";
import { plainJson } from "../text/plain-text.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { reportStillRunning } from "./still-running.ts";
import { standardOutput } from "./terminal.ts";

/**
 * `iris-ports release [project]`: releases the port; with `--force` also while processes or jobs hold it.
 * @throws PortNotAssignedError
 * @throws PortConflictError while it is in use
 */
export async function release(
  project: string | undefined,
  options: GlobalOptions & { instance?: string; force?: boolean; json?: boolean },
): Promise<void> {
  const { instance, force = false } = options;
  const registry = openRegistry(options);
  const before = await registry.inspect(project, { instance });
  const assignment = await registry.releasePort(project, { instance, isUseRespected: !force });
  const terminal = standardOutput();
  if (options.json) terminal.write(`${plainJson(assignmentJson(assignment))}\n`);
  else terminal.write(`Released port ${assignment.port} (${projectText(assignment.projectKey, terminal)}).\n`);
  if (before !== undefined) reportStillRunning(before, registry);
}
