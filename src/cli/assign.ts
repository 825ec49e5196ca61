import { releaseCommand } from "../registry/allocation/assignment-errors.ts";
import type { PortAssignment } from "../registry/assignment.ts";
import type { Holder } from "../registry/holder.ts";
import { assignmentJson } from "../report/assignment-json.ts";
import { projectText } from "../report/assignment-table.ts";
import { plainJson, plainText } from "../text/plain-text.ts";
import { type HoldOptions, holderFor, type RequestOptions, requestOptions } from "./holder-options.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { requireProject } from "./project-directory.ts";
import { explainOutputLoss, type OutputLoss, standardOutput, type Terminal } from "./terminal.ts";

/** The options that `assign`, `env` and `run` share. */
export type AssignCommandOptions = GlobalOptions & RequestOptions & { readonly instance?: string };

/** `iris-ports assign [project]`: the port is held until it is released, unless `--for-pid` or `--ttl` says until when. */
export async function assign(
  project: string | undefined,
  options: AssignCommandOptions & HoldOptions & { json?: boolean; quiet?: boolean },
): Promise<void> {
  const registry = openRegistry(options);
  const identity = await requireProject(registry, project, options.instance);
  const holder = await holderFor(options, identity.projectPath);
  const assignment = await registry.assignPort(identity, { ...requestOptions(options), holder });
  explainOutputLoss(assignedLoss(assignment, registry.registryPath));
  const terminal = standardOutput();
  if (options.json) terminal.write(`${plainJson(assignmentJson(assignment))}\n`);
  else if (options.quiet) terminal.write(`${assignment.port}\n`);
  else terminal.write(assignedText(assignment, holder, registry.registryPath, terminal));
}

/** The port stays assigned even if its number cannot be printed. */
export function assignedLoss(
  { port, projectPath, instance, projectKey }: PortAssignment,
  registryPath: string,
): OutputLoss {
  const release = releaseCommand(projectPath, instance, registryPath);
  return {
    state: `${projectKey} has port ${port}, and keeps it.`,
    remedy: `write the output elsewhere, or release the port: ${release}`,
  };
}

function assignedText(assignment: PortAssignment, holder: Holder, registryPath: string, terminal: Terminal): string {
  const { port, webPort, projectPath, instance, projectKey } = assignment;
  const web = webPort === undefined ? "" : ` and web port ${terminal.paint("strong", String(webPort))}`;
  const release = releaseCommand(projectPath, instance, registryPath);
  const until = untilText(holder);
  return `${projectText(projectKey, terminal)} has port ${terminal.paint("strong", String(port))}${web}${until}. To release it: ${plainText(release)}\n`;
}

function untilText(holder: Holder): string {
  if (holder.kind === "process") return ` until process ${holder.process.pid} ends`;
  return holder.expiresAt === undefined ? "" : ` until ${holder.expiresAt.toISOString()}`;
}
