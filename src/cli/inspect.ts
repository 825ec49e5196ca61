import type { ListedAssignment } from "../registry/assignment.ts";
import { describeHolder } from "../registry/evidence/staleness.ts";
import { assignmentJson } from "../report/assignment-json.ts";
import { projectText } from "../report/assignment-table.ts";
import { formatAge } from "../text/age.ts";
import { plainJson, plainText } from "../text/plain-text.ts";
import { addressesOf, endpointOf } from "./connection.ts";
import { notAssigned } from "./not-assigned.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { standardOutput, type Terminal } from "./terminal.ts";

/** `iris-ports inspect [project]` @throws PortNotAssignedError */
export async function inspect(
  project: string | undefined,
  options: GlobalOptions & { instance?: string; json?: boolean },
): Promise<void> {
  const { instance } = options;
  const registry = openRegistry(options);
  const assignment = await registry.inspect(project, { instance });
  if (!assignment) throw notAssigned(registry, project, instance);
  const terminal = standardOutput();
  const addresses = addressesOf(assignment, endpointOf(registry.engine, {}));
  terminal.write(
    options.json
      ? `${plainJson({ ...assignmentJson(assignment), addresses })}\n`
      : describe(assignment, addresses, terminal, new Date()),
  );
}

function describe(
  assignment: ListedAssignment,
  addresses: ReturnType<typeof addressesOf>,
  terminal: Terminal,
  now: Date,
): string {
  const { holders, evidence } = assignment;
  const fields: [string, string][] = [
    ["Project", projectText(assignment.projectPath, terminal)],
    ["Instance", assignment.instance ?? ""],
    ["Port", String(assignment.port)],
    ["Web port", assignment.webPort === undefined ? "" : String(assignment.webPort)],
    ["Type", assignment.assignmentType],
    ["Status", assignment.status],
    ["Container", assignment.containerName],
    ["URI", addresses.uri],
    ["JDBC", addresses.jdbcUrl],
    ["Portal", addresses.portalUrl ?? ""],
    ["Assigned", `${assignment.assignedAt.toISOString()} (${formatAge(assignment.assignedAt, now)} ago)`],
    ...holders.map((holder): [string, string] => [
      "Held by",
      `${describeHolder(holder)}, for ${formatAge(holder.since, now)}`,
    ]),
    ...evidence.map(({ verdict, text }): [string, string] => ["Evidence", `${verdict}: ${text}`]),
  ];
  const shown = fields.filter(([, value]) => value !== "");
  return shown.map(([name, value]) => `${terminal.paint("heading", name.padEnd(9))}  ${plainText(value)}\n`).join("");
}
