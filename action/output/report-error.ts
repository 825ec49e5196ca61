import { debug, isDebug } from "@actions/core";
import { IrisPortsError, type IrisPortsErrorCode } from "../../src/errors/base.ts";
import { InvalidArgumentError, RegistryAccessError } from "../../src/errors/errors.ts";
import { PortExhaustedError } from "../../src/registry/errors.ts";
import { isRedisUrl } from "../../src/settings/config.ts";
import { plainLines } from "../../src/text/plain-text.ts";
import { InterruptedError } from "../job/interruption.ts";
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
    fail([whatOf(error), error.state, `To fix: ${remedyOf(error)}`].filter(Boolean).join("\n"), titleOf(error.code));
  } else {
    const remedy = "re-run the job with debug logging and report the output as an issue.";
    fail(`Unexpected failure: ${messageOf(error)}\nTo fix: ${remedy}`, titleOf("UNEXPECTED"));
  }
}

function titleOf(code: string): string {
  return `iris-ports: ${code}`;
}

/** The domain names an argument; the author of the workflow wrote an input: `portRange` is `port-range` here. */
function whatOf(error: IrisPortsError): string {
  if (!(error instanceof InvalidArgumentError)) return error.what;
  const { argument, what } = error;
  const input = argument.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  // A variable of the environment has the name that it has there.
  if (/^[A-Z_]+$/.test(argument) || what.includes(`\`${input}\``)) return what;
  const text = what.startsWith(`${argument} `) ? what.slice(argument.length) : `: ${what}`;
  return `Input \`${input}\`${text}`;
}

/** Replaces terms of the library by those of a workflow. */
function remedyOf(error: IrisPortsError): string {
  if (error instanceof PortExhaustedError) {
    const [first] = error.portRange;
    const [free] = error.freeOutside;
    const wider = free === undefined ? "" : `, or choose from more ports with \`port-range: ${first}-${free}\``;
    return `wait for a port with \`wait-timeout: 10m\`${wider}.`;
  }
  const remedy = WORDS.reduce((text, [ours, theirs]) => text.replaceAll(ours, theirs), error.remedy);
  const isOnServer = error instanceof RegistryAccessError && isRedisUrl(error.registryPath);
  const addition = isOnServer ? undefined : ADDITIONS[error.code];
  return addition === undefined ? remedy : `${remedy}\n${addition}`;
}

/** Terms that are replaced for authors of workflows. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/ask for no port number: any free port is then assigned/g, "leave out `preferred-port`"],
  [/withInstance\(name\), --instance name/g, "the input `instance`"],
  [/"--cpuset-cpus 0-19"/g, "`container-options: --cpuset-cpus=0-19`"],
  // A runner has the action, not the command.
  [/\biris-ports (?=release|doctor|list|clean|clear)/g, "npx iris-ports "],
];

const ADDITIONS: Partial<Record<IrisPortsErrorCode, string>> = {
  REGISTRY_ACCESS: "In a workflow, `registry-path` can name another file, which all runners of the host can write to.",
  PORT_ASSIGNMENT_TIMEOUT: "In a workflow, re-run the job when the other process has finished.",
};
