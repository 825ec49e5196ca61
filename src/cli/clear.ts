import { InvalidArgumentError } from "../errors/errors.ts";
import type { ListedAssignment } from "../registry/assignment.ts";
import { assignmentJson } from "../report/assignment-json.ts";
import { assignmentTable } from "../report/assignment-table.ts";
import { commandText } from "../settings/command-text.ts";
import { plainJson, plainText } from "../text/plain-text.ts";
import { canAsk, confirm } from "./confirm.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { reportStillRunning } from "./still-running.ts";
import { standardError, standardOutput } from "./terminal.ts";

/**
 * `iris-ports clear`: releases every port, after asking. Returns the exit code.
 * @throws InvalidArgumentError without a terminal to ask on
 */
export async function clear(options: GlobalOptions & { yes?: boolean; json?: boolean }): Promise<number> {
  const registry = openRegistry(options);
  const terminal = standardOutput();
  if (!options.yes) {
    if (!canAsk()) throw noTerminal(registry.registryPath);
    const answer = await confirmClearing(await registry.listAll());
    if (answer !== "yes") return answer === "interrupted" ? EXIT_CODES.interrupted : EXIT_CODES.ok;
  }
  const before = await registry.listAll();
  const cleared = await registry.clearAll();
  if (options.json) terminal.write(`${plainJson(cleared.map(assignmentJson))}\n`);
  else if (cleared.length === 0) terminal.write(`No assignments in ${plainText(registry.registryPath)}.\n`);
  else terminal.write(`Released ${cleared.length === 1 ? "1 port" : `${cleared.length} ports`}.\n`);
  for (const assignment of before) reportStillRunning(assignment, registry);
  return EXIT_CODES.ok;
}

async function confirmClearing(assignments: readonly ListedAssignment[]) {
  if (assignments.length === 0) return "yes";
  const asking = standardError();
  asking.write(assignmentTable(assignments, asking, new Date()));
  const answer = await confirm("Release all of them? Projects that are running may then collide. [y/N] ");
  if (answer !== "yes") asking.write("Nothing was changed.\n");
  return answer;
}

function noTerminal(registryPath: string): InvalidArgumentError {
  return new InvalidArgumentError({
    what: `\`${commandText(["clear"])}\` asks for confirmation, but there is no terminal to ask on.`,
    state: "Nothing was changed.",
    remedy: `see what would be released (${commandText(["list"], registryPath)}), then: ${commandText(["clear", "--yes"], registryPath)}`,
    argument: "--yes",
    value: undefined,
  });
}
