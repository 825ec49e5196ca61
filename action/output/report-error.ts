import { debug, isDebug } from "@actions/core";
import { IrisPortsError, type IrisPortsErrorCode } from "../../src/errors/base.ts";
import { InvalidArgumentError } from "../../src/errors/errors.ts";
import { PortExhaustedError } from "../../src/registry/errors.ts";
import { plainLines } from "../../src/text/plain-text.ts";
import { InterruptedError } from "../job/interruption.ts";
import { isFirstUse } from "./export.ts";
import { fail, messageOf, say } from "./log.ts";

/** The code by which a failure is known; empty for anything but our errors. */
export function codeOf(error: unknown): IrisPortsErrorCode | "" {
  return error instanceof IrisPortsError ? error.code : "";
}

/** Fails the step with one annotation: what failed, the state, and the fix. */
export function reportError(error: unknown): void {
  // Shown if the workflow runs with debug logging.
  if (isDebug() && error instanceof Error) debug(plainLines(error.stack ?? ""));
  if (error instanceof InterruptedError) {
    say(`The step was ${error.message}.`);
    process.exitCode = error.exitCode;
  } else if (error instanceof IrisPortsError) {
    fail(textOf(error), titleOf(error.code));
  } else {
    const message = messageOf(error);
    const remedy = DISK_FAILURE.test(message) ? CHECK_DISK : REPORT;
    fail(`Unexpected failure: ${message}\nTo fix: ${remedy}`, titleOf("UNEXPECTED"));
  }
}

/** What failed, the state and the fix, in the terms of a workflow. */
export function textOf(error: unknown): string {
  if (!(error instanceof IrisPortsError)) return messageOf(error);
  return [whatOf(error), error.state, `To fix: ${remedyOf(error)}`].filter(Boolean).join("\n");
}

/** The system's refusals, and that of `@actions/core` where the runner's file for outputs or variables is gone. */
const DISK_FAILURE = /^(ENOSPC|EDQUOT|EROFS|EACCES|EIO)\b|^Missing file at path/;
const CHECK_DISK =
  "check that the runner's disk has room and that the step can write to the runner's temporary directory (RUNNER_TEMP)";
const REPORT = "re-run the job with debug logging and report the output as an issue";

function titleOf(code: string): string {
  return `iris-ports: ${code}`;
}

/** The domain names an argument; the author of the workflow wrote an input: `portRange` is `port-range` here. */
function whatOf(error: IrisPortsError): string {
  if (!(error instanceof InvalidArgumentError)) return error.what;
  const { argument, what } = error;
  const input = argument.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  // An environment variable keeps its name.
  if (/^[A-Z_]+$/.test(argument) || what.includes(`\`${input}\``)) return what;
  const text = what.startsWith(`${argument} `) ? what.slice(argument.length) : `: ${what}`;
  return `Input \`${input}\`${text}`;
}

/** Replaces terms of the library by those of a workflow. */
function remedyOf(error: IrisPortsError): string {
  if (error instanceof PortExhaustedError) {
    const [first] = error.portRange;
    const [free] = error.freeOutside;
    const more = free === undefined ? [] : [`choose from more ports with \`port-range: ${first}-${free}\``];
    const wait = error.waitedMs > 0 ? "wait longer with `wait-timeout`" : "wait for a port with `wait-timeout: 10m`";
    if (isFirstUse()) return [wait, ...more].join(", or ");
    return `${[...more, wait].join(", or ")}. Jobs that hold one port while they wait for another can block each other`;
  }
  const remedy = WORDS.reduce((text, [ours, theirs]) => text.replaceAll(ours, theirs), error.remedy);
  const addition = ADDITIONS[error.code];
  return addition === undefined ? remedy : `${remedy}\n${addition}`;
}

/** Terms that are replaced for authors of workflows. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/ask for no port number: any free port is then assigned/g, "leave out `preferred-port`"],
  [/withInstance\(name\), --instance name/g, "the input `instance`"],
  [/(set|point) IRIS_PORT_REGISTRY to/g, "set `registry-path` to"],
  [/a file in a directory that you can write/g, "a file that all runners of the host can write to"],
  [/\(--wait (\w+), waitTimeoutMs\)/g, "with `wait-timeout: $1`"],
];

const ADDITIONS: Partial<Record<IrisPortsErrorCode, string>> = {
  PORT_ASSIGNMENT_TIMEOUT: "In a workflow, re-run the job when the other process has finished.",
};
