import { assignmentJson } from "../report/assignment-json.ts";
import { assignmentTable } from "../report/assignment-table.ts";
import { plainJson } from "../text/plain-text.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { standardOutput } from "./terminal.ts";

/** `iris-ports clean`: removes the assignments that nothing speaks for any more. */
export async function clean(options: GlobalOptions & { json?: boolean }): Promise<void> {
  const removed = await openRegistry(options).cleanupStale();
  const terminal = standardOutput();
  if (options.json) terminal.write(`${plainJson(removed.map(assignmentJson))}\n`);
  else if (removed.length === 0) terminal.write("Nothing is stale.\n");
  else terminal.write(`Removed as stale:\n${assignmentTable(removed, terminal, new Date())}`);
}
