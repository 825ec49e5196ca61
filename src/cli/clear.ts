import { createInterface } from "node:readline/promises";
import { InvalidArgumentError } from "../ports/errors.ts";
import { assignmentJson } from "./assignment-json.ts";
import { assignmentTable } from "./assignment-table.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { plainJson, plainText } from "./plain-text.ts";
import { standardOutput } from "./terminal.ts";

/** `iris-ports clear`: gives every port back, after asking. @throws InvalidArgumentError without a terminal to ask on */
export async function clear(options: GlobalOptions & { yes?: boolean; json?: boolean }): Promise<void> {
  const registry = openRegistry(options);
  const terminal = standardOutput();
  if (!options.yes) {
    if (!process.stdin.isTTY || !terminal.isInteractive) throw noTerminal();
    const assignments = await registry.listAll();
    if (assignments.length > 0) {
      terminal.write(assignmentTable(assignments, terminal, new Date()));
      if (!(await isConfirmed(`Give all of them back? Projects that are running may then collide. [y/N] `))) {
        terminal.write("Nothing was changed.\n");
        return;
      }
    }
  }
  const cleared = await registry.clearAll();
  if (options.json) terminal.write(`${plainJson(cleared.map(assignmentJson))}\n`);
  else if (cleared.length === 0) terminal.write(`No assignments in ${plainText(registry.registryPath)}.\n`);
  else terminal.write(`${cleared.length === 1 ? "1 port was" : `${cleared.length} ports were`} given back.\n`);
}

/** Ctrl-C and the end of the input are a no. */
async function isConfirmed(question: string): Promise<boolean> {
  using prompt = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new Promise<string>((resolve) => prompt.once("close", () => resolve("")));
  const answer = await Promise.race([prompt.question(question), closed]);
  return /^y(es)?$/i.test(answer.trim());
}

function noTerminal(): InvalidArgumentError {
  return new InvalidArgumentError({
    what: "clear gives back every port and asks first, but there is no terminal to ask on.",
    state: "Nothing was changed.",
    remedy: "see what would go with `iris-ports list`, then run `iris-ports clear --yes`.",
    argument: "--yes",
    value: undefined,
  });
}
