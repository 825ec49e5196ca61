import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { PortAssignment } from "../registry/assignment.ts";
import { holderOf, type ProcessHolder, uniqueProcessHolder } from "../registry/holder.ts";
import { identifyProcess } from "../registry/host/process-identity.ts";
import { ENDED, UNKNOWN } from "../registry/host/start-time.ts";
import type { PortRegistry } from "../registry/registry.ts";
import { releaseIfAssigned } from "../registry/release-if-assigned.ts";
import { commandText } from "../settings/command-text.ts";
import { isRedisUrl } from "../settings/config.ts";
import { plainText, truncate } from "../text/plain-text.ts";
import type { AssignCommandOptions } from "./assign.ts";
import { EXIT_CODES, exitCodeOfSignal } from "./exit-codes.ts";
import { isInForeground } from "./foreground.ts";
import { requestOptions } from "./holder-options.ts";
import { openRegistry } from "./open-registry.ts";
import { requireProject } from "./project-directory.ts";
import { reportError } from "./report-error.ts";

/**
 * Every signal that would end this process, and with it the hold on the port, while the command still runs. The signals of
 * faults (SIGSEGV and the like) cannot be passed on, because they recur as soon as their handler returns.
 */
const PASSED_ON = (Object.keys(constants.signals) as NodeJS.Signals[]).filter((name) =>
  process.platform === "win32"
    ? /^SIG(INT|TERM|HUP|BREAK)$/.test(name)
    : /^SIG(INT|TERM|HUP|QUIT|USR[12]|(VT)?ALRM|PROF|ABRT|TRAP|SYS|XCPU|XFSZ|IO|PWR|STKFLT)$/.test(name),
);
/** The keys Ctrl-C and Ctrl-\: the terminal sends these to every process in its foreground. */
const SENT_BY_TERMINAL: readonly NodeJS.Signals[] = ["SIGINT", "SIGQUIT"];

/** `iris-ports run -- <command>`: the port is held while the command runs. Returns the exit code. */
export async function run(
  [command = "", ...args]: readonly string[],
  options: AssignCommandOptions & { project?: string },
): Promise<number> {
  const registry = openRegistry(options);
  // Without its arguments, which may contain passwords: other users may be able to read the registry.
  const holder = await uniqueProcessHolder({ description: command.slice(0, 200) });
  const project = await requireProject(registry, options.project, options.instance);
  const assignment = await registry.assignPort(project, { ...requestOptions(options), holder });
  let handedOver: Promise<unknown> | undefined;
  const handOver = (pid: number) => {
    handedOver = handOverTo(pid, registry, assignment, holder).catch(reportError);
  };
  try {
    return await runToItsEnd(command, args, handOver, {
      IRIS_PORT: String(assignment.port),
      ...(assignment.webPort === undefined ? {} : { IRIS_WEB_PORT: String(assignment.webPort) }),
      // Containers that the command starts use this assignment.
      IRIS_PORTS_PROJECT: assignment.projectPath,
      IRIS_PORTS_INSTANCE: assignment.instance ?? "",
      IRIS_PORT_REGISTRY: registry.registryAddress,
      IRIS_PORT_RANGE: registry.portRange.join("-"),
    });
  } finally {
    await handedOver;
    // The exit code of the command matters more than this failure.
    await releaseIfAssigned(registry, assignment, { holder }).catch(reportError);
  }
}

/**
 * Lets the command itself hold the port, because it lives on if this process is killed. On a server the holder has to be
 * renewed, which only this process does.
 */
async function handOverTo(pid: number, registry: PortRegistry, assignment: PortAssignment, holder: ProcessHolder) {
  if (isRedisUrl(registry.registryAddress)) return;
  const command = await identifyProcess(pid);
  if (command.startTime === UNKNOWN || command.startTime === ENDED) return;
  const { id, description = "" } = holder;
  await registry.assignPort(assignment, { holder: holderOf(command, { id, description }) });
}

async function runToItsEnd(
  command: string,
  args: readonly string[],
  onStarted: (pid: number) => void,
  variables: Record<string, string>,
): Promise<number> {
  let child: ChildProcess | undefined;
  const passOn = (signal: NodeJS.Signals) => {
    // The terminal sends Ctrl-C to the command as well; a second SIGINT would make many programs quit without cleaning
    // up. In the foreground, `kill -INT` to this process alone looks the same, and is not passed on either.
    if (!SENT_BY_TERMINAL.includes(signal) || !isInForeground()) child?.kill(signal);
  };
  for (const signal of PASSED_ON) process.on(signal, passOn);
  try {
    // biome-ignore lint/style/noProcessEnv: the command inherits the whole environment; nothing is read from it here
    child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...variables } });
    if (child.pid !== undefined) onStarted(child.pid);
    return await exitCode(child);
  } catch (error) {
    return reportNotStarted(command, error as NodeJS.ErrnoException);
  } finally {
    for (const signal of PASSED_ON) process.off(signal, passOn);
  }
}

async function exitCode(child: ChildProcess): Promise<number> {
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return signal === null ? (code ?? EXIT_CODES.unexpected) : exitCodeOfSignal(constants.signals[signal]);
}

function reportNotStarted(command: string, error: NodeJS.ErrnoException): number {
  const isMissing = error.code === "ENOENT";
  const what = isMissing ? "was not found" : `could not be started: ${error.message}`;
  const remedy =
    process.platform === "win32"
      ? `give a program's name; a .cmd or .bat file needs \`cmd /c\`, e.g. \`${commandText(["run", "--", "cmd", "/c", "npm", "test"])}\``
      : `check the command's spelling and PATH; for shell syntax, run a shell: \`${commandText(["run", "--", "sh", "-c"])} '...'\``;
  process.stderr.write(
    `iris-ports: the command ${truncate(plainText(JSON.stringify(command)), 200, "end")} ${plainText(what)}.\nTo fix: ${remedy}\n`,
  );
  return isMissing ? EXIT_CODES.notFound : EXIT_CODES.notExecutable;
}
