import { debug, info, isDebug } from "@actions/core";
import { IrisPortsError, type IrisPortsErrorCode } from "../../src/errors/base.ts";
import { PortExhaustedError } from "../../src/registry/errors.ts";
import { assignmentTable } from "../../src/report/assignment-table.ts";
import { plainLines } from "../../src/text/plain-text.ts";
import { InterruptedError } from "../job/interruption.ts";
import { fail, messageOf, say, warn } from "./log.ts";

/** The same remedies in this action's words. */
const REMEDIES: Partial<Record<IrisPortsErrorCode, string>> = {
  PORT_EXHAUSTED:
    "In a workflow: `wait-timeout: 10m` queues for the next port, `port-range: 1972-1991` has more of them.",
  REGISTRY_ACCESS: "In a workflow: `registry-path` names another place, which all runners of the host can write to.",
  PORT_ASSIGNMENT_TIMEOUT: "In a workflow: re-run the job when the other has finished.",
};

/** The step fails with an annotation that says what happened and what to do; the log shows who holds what. */
export function reportError(error: unknown): void {
  // Where the workflow is run with debug logging.
  if (isDebug() && error instanceof Error) debug(plainLines(error.stack ?? ""));
  if (error instanceof InterruptedError) {
    warn(`The step was ${error.message}; what it had taken was given back.`);
    process.exitCode = error.exitCode;
  } else if (error instanceof IrisPortsError) {
    showState(error);
    const remedies = [error.remedy, REMEDIES[error.code]].filter((remedy) => remedy !== undefined);
    fail(`${error.what}\nTo fix: ${remedies.join("\n")}`, `iris-ports: ${error.code}`);
  } else {
    const remedy = "re-run the job with debug logging, and report what it prints.";
    fail(`Something unexpected happened: ${messageOf(error)}\nTo fix: ${remedy}`, "iris-ports: UNEXPECTED");
  }
}

/** The state may be many lines, which an annotation does not show well. */
function showState(error: IrisPortsError): void {
  if (error instanceof PortExhaustedError) showHolders(error);
  const state = error.message.slice(error.what.length, error.message.lastIndexOf("\nTo fix: ")).trim();
  if (state !== "") say(state);
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
