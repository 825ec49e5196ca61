import { existsSync, readFileSync } from "node:fs";
import { InvalidArgumentError } from "../errors/errors.ts";
import { PortConflictError } from "../registry/errors.ts";
import { type Holder, holderOf, manualHolder } from "../registry/holder.ts";
import { identifyDirectory } from "../registry/host/directory-identity.ts";
import { identifyProcess } from "../registry/host/process-identity.ts";
import { ENDED, UNKNOWN } from "../registry/host/start-time.ts";
import { checkPort } from "../settings/checks.ts";
import { durationOption } from "./duration-option.ts";
import { waitOptions } from "./wait.ts";

/** The options that select the port. */
export type RequestOptions = {
  readonly port?: string;
  readonly wait?: string;
  readonly webPort?: boolean;
};

/** The options that limit how long the port is held. */
export type HoldOptions = { readonly forPid?: string; readonly ttl?: string };

/** The options of the command line in the registry's terms. @throws InvalidArgumentError */
export function requestOptions({ port, wait, webPort }: RequestOptions) {
  return {
    ...(port !== undefined && { preferredPort: checkPort(/^\d+$/.test(port) ? Number(port) : port, "--port") }),
    ...(webPort && { hasWebPort: true }),
    ...(wait !== undefined && waitOptions(wait)),
  };
}

/** The error where only the web port was refused: it would be too high, or is in use. */
export function webPortRefusal(error: unknown, preferredPort: number | undefined) {
  if (error instanceof InvalidArgumentError && error.argument === "hasWebPort") return error;
  return error instanceof PortConflictError && error.port !== preferredPort ? error : undefined;
}

/**
 * The holder of the port: another process until it ends, or a manual hold until it is released, its time is up, or the
 * directory is deleted. @throws InvalidArgumentError
 */
export async function holderFor({ forPid, ttl }: HoldOptions, projectPath: string): Promise<Holder> {
  if (forPid !== undefined) {
    if (ttl === undefined) return processFor(forPid);
    throw invalid("--ttl", ttl, "--for-pid and --ttl exclude each other.", "give only one of them");
  }
  const directory = await identifyDirectory(projectPath);
  return manualHolder({
    ...(ttl !== undefined && { expiresAt: new Date(Date.now() + durationOption("--ttl", ttl, { shortestMs: 1 })) }),
    ...(directory !== undefined && { directory }),
  });
}

async function processFor(text: string): Promise<Holder> {
  const pid = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
  const example = "give the id of a running process; in a shell script, $$ is the script's own";
  if (pid === undefined)
    throw invalid("--for-pid", text, `--for-pid is not a process id: ${JSON.stringify(text)}.`, example);
  const identity = await identifyProcess(pid);
  if (identity.startTime === UNKNOWN || identity.startTime === ENDED)
    throw invalid("--for-pid", text, `There is no running process ${pid}.`, example);
  const name = `/proc/${pid}/comm`;
  return holderOf(identity, existsSync(name) ? { description: readFileSync(name, "utf8").trim() } : {});
}

function invalid(argument: string, value: string, what: string, remedy: string): InvalidArgumentError {
  return new InvalidArgumentError({ what, state: "No port was assigned.", remedy, argument, value });
}
