import { warn } from "../errors/warning.ts";
import type { ListedAssignment } from "../registry/assignment.ts";
import { describeHolder } from "../registry/evidence/staleness.ts";
import { assignmentJson } from "../report/assignment-json.ts";
import { projectText } from "../report/assignment-table.ts";
import { formatAge } from "../text/age.ts";
import { plainJson, plainText } from "../text/plain-text.ts";
import { addressesOf, endpointOf } from "./connection.ts";
import { notAssigned } from "./not-assigned.ts";
import type { GlobalOptions } from "./open-registry.ts";
import { openRegistryAndEngine, servedWebPort } from "./served-web-port.ts";
import { standardOutput, type Terminal } from "./terminal.ts";

/** `iris-ports inspect [project]` @throws PortNotAssignedError */
export async function inspect(
  project: string | undefined,
  options: GlobalOptions & { instance?: string; json?: boolean },
): Promise<void> {
  const { instance } = options;
  const open = openRegistryAndEngine(options);
  const { registry } = open;
  const assignment = await registry.inspect(project, { instance });
  if (!assignment) throw await notAssigned(registry, project, instance);
  const terminal = standardOutput();
  const served = await servedWebPort(open, assignment);
  const { webPort: assigned, ...withoutWebPort } = assignment;
  const webPort = served.container === undefined ? assigned : served.webPort;
  const shown = webPort === undefined ? withoutWebPort : { ...assignment, webPort };
  const addresses = addressesOf(shown, endpointOf(registry.engine, {}));
  if (served.warning !== undefined) warn(served.warning);
  const isPortalChecked = served.warning === undefined;
  terminal.write(
    options.json
      ? `${plainJson({ ...assignmentJson(assignment), ...addresses, isPortalChecked })}\n`
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
