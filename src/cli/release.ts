import { assignmentJson } from "../report/assignment-json.ts";
import { projectText } from "../report/assignment-table.ts";
import { plainJson } from "../text/plain-text.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { standardOutput } from "./terminal.ts";

/** `iris-ports release [project]`: gives the port back, whoever holds it. @throws PortNotAssignedError */
export async function release(
  project: string | undefined,
  options: GlobalOptions & { instance?: string; json?: boolean },
): Promise<void> {
  const { instance } = options;
  const assignment = await openRegistry(options).releasePort(project, instance === undefined ? {} : { instance });
  const terminal = standardOutput();
  if (options.json) terminal.write(`${plainJson(assignmentJson(assignment))}\n`);
  else terminal.write(`${projectText(assignment.projectKey, terminal)} has given port ${assignment.port} back.\n`);
}
