import { manualHolder } from "../registry/holder.ts";
import { assignmentJson } from "../report/assignment-json.ts";
import { projectText } from "../report/assignment-table.ts";
import { checkPort } from "../settings/config.ts";
import { plainJson } from "../text/plain-text.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { standardOutput } from "./terminal.ts";
import { waitOptions } from "./wait.ts";

/** What `assign` and `run` have in common. */
export type AssignCommandOptions = GlobalOptions & {
  readonly port?: string;
  readonly instance?: string;
  readonly wait?: string;
};

/** `iris-ports assign [project]`: the assignment is held by a person, until they release it. */
export async function assign(
  project: string | undefined,
  options: AssignCommandOptions & { json?: boolean; quiet?: boolean },
): Promise<void> {
  const assignment = await openRegistry(options).assignPort(project, {
    ...requestOptions(options),
    holder: manualHolder(),
  });
  const terminal = standardOutput();
  if (options.json) terminal.write(`${plainJson(assignmentJson(assignment))}\n`);
  else if (options.quiet) terminal.write(`${assignment.port}\n`);
  else {
    const port = terminal.paint("strong", String(assignment.port));
    terminal.write(`${projectText(assignment.projectKey, terminal)} has port ${port} until \`iris-ports release\`.\n`);
  }
}

/** The options of the command line in the registry's terms. @throws InvalidArgumentError */
export function requestOptions({ port, instance, wait }: AssignCommandOptions) {
  return {
    ...(port !== undefined && { preferredPort: checkPort(/^\d+$/.test(port) ? Number(port) : port, "--port") }),
    ...(instance !== undefined && { instance }),
    ...(wait !== undefined && waitOptions(wait)),
  };
}
