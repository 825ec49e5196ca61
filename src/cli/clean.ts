import type { EngineContainer } from "../docker/engine.ts";
import { assignmentJson } from "../report/assignment-json.ts";
import { assignmentTable } from "../report/assignment-table.ts";
import { plainJson, plainText } from "../text/plain-text.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { standardError, standardOutput } from "./terminal.ts";

/** `iris-ports clean`: removes stale assignments, and the containers whose holders are all gone. */
export async function clean(options: GlobalOptions & { json?: boolean }): Promise<void> {
  const terminal = standardOutput();
  const containers: EngineContainer[] = [];
  const removed = await openRegistry(options).cleanupStale({
    onContainerRemoved: (container) => {
      containers.push(container);
      // On standard error, because the JSON lists assignments only.
      const text = `Removed container ${plainText(container.name)}, left by a process that is gone.\n`;
      (options.json ? standardError() : terminal).write(text);
    },
  });
  if (options.json) terminal.write(`${plainJson(removed.map(assignmentJson))}\n`);
  else if (removed.length > 0) terminal.write(`Removed as stale:\n${assignmentTable(removed, terminal, new Date())}`);
  else if (containers.length === 0) terminal.write("Nothing is stale.\n");
}
