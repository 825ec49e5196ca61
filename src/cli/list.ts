import { assignmentJson } from "../report/assignment-json.ts";
import { assignmentTable } from "../report/assignment-table.ts";
import { plainJson, plainText } from "../text/plain-text.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { standardOutput } from "./terminal.ts";

/** `iris-ports list` */
export async function list(options: GlobalOptions & { json?: boolean }): Promise<void> {
  const registry = openRegistry(options);
  const assignments = await registry.listAll();
  const terminal = standardOutput();
  if (options.json) terminal.write(`${plainJson(assignments.map(assignmentJson))}\n`);
  else if (assignments.length === 0) terminal.write(`No assignments in ${plainText(registry.registryPath)}.\n`);
  else terminal.write(assignmentTable(assignments, terminal, new Date()));
}
