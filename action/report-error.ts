import { debug, info } from "@actions/core";
import { assignmentTable } from "../src/cli/assignment-table.ts";
import { IrisPortsError, type IrisPortsErrorCode, PortExhaustedError } from "../src/ports/errors.ts";
import { InterruptedError } from "./interruption.ts";
import { fail, logText, say, warn } from "./log.ts";

/** The same remedies in this action's words. */
const REMEDIES: Partial<Record<IrisPortsErrorCode, string>> = {
  PORT_EXHAUSTED:
    "In a workflow: `wait-timeout: 10m` queues for the next port, `port-range: 1972-1991` has more of them.",
  REGISTRY_ACCESS: "In a workflow: `registry-path` names another place, which all runners of the host can write to.",
  PORT_ASSIGNMENT_TIMEOUT: "In a workflow: re-run the job when the other has finished.",
};

/** The step fails with an annotation that says what happened and what to do; the log shows who holds what. */
export function reportError(error: unknown): void {
  if (error instanceof InterruptedError) {
    warn(`The step was ${error.message}; what it had taken was given back.`);
    process.exitCode = error.exitCode;
  } else if (error instanceof IrisPortsError) {
    // The state may be many lines, which an annotation does not show well.
    const state = error.message
      .split("\n")
      .slice(1)
      .filter((line) => !line.startsWith("To fix: "));
    if (error instanceof PortExhaustedError) showHolders(error);
    say(state.join("\n"));
    const remedy = REMEDIES[error.code];
    fail(
      `${error.what}\nTo fix: ${error.remedy}${remedy === undefined ? "" : `\n${remedy}`}`,
      `iris-ports: ${error.code}`,
    );
    debug(logText(error.stack ?? ""));
  } else {
    const message = error instanceof Error ? error.message : String(error);
    fail(
      `Something unexpected happened: ${message}\nTo fix: re-run the job with debug logging and report what it prints.`,
      "iris-ports: UNEXPECTED",
    );
    debug(logText(error instanceof Error ? (error.stack ?? "") : ""));
  }
}

function showHolders({ assignments, portRange }: PortExhaustedError): void {
  info(`Who holds ports ${portRange.join("-")}:`);
  const terminal = {
    isInteractive: false,
    width: undefined,
    paint: (_: unknown, text: string) => text,
    write: () => undefined,
  };
  say(assignmentTable(assignments, terminal, new Date()).trimEnd());
}
