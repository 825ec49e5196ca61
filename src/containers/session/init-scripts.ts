import { createHash } from "node:crypto";
import { isAbsolute } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import { engineWords, isInTheWay, isMissing } from "../../docker/engine-error-kinds.ts";
import { ContainerStartError, InvalidArgumentError, IrisSessionError } from "../../errors/errors.ts";
import { IRIS_STARTUP_TIMEOUT_MS } from "../../iris/image.ts";
import { type InitScript, initSteps } from "../../iris/session/init-scripts.ts";
import { rephrased, type SessionPlace } from "../../iris/session/session-failure.ts";
import { NotRunningError } from "../../lifecycle/start.ts";
import { checkText } from "../../settings/checks.ts";
import { namedFiles } from "../../settings/files-below.ts";
import { workingDirectory } from "../../settings/working-directory.ts";
import { readText } from "../options/copied-sources.ts";
import { withCopies } from "./copied-files.ts";
import { runTask } from "./iris-session.ts";
import type { SessionHost } from "./session-exec.ts";

const debug = createDebug("iris-ports:session");
/** A file in a container with init scripts from its creation on; its content identifies the set of scripts. */
export const INIT_MARK_PATH = "/tmp/iris-ports-init";
/** A file that exists after the scripts have run. */
const DONE_PATH = `${INIT_MARK_PATH}.done`;
/** A file with the message of the script that failed. */
const FAILED_PATH = `${INIT_MARK_PATH}.failed`;
const POLL_MS = 100;

/**
 * The scripts of files, and of all files below directories.
 * @throws InvalidArgumentError when one is not a file in UTF-8 that this process can read
 */
export function readInitScripts(paths: readonly string[]): InitScript[] {
  // An absolute path also works if the working directory was deleted.
  const baseOf = (path: string) => (isAbsolute(path) ? path : workingDirectory());
  return paths
    .flatMap((path) => namedFiles(checkText(path, "initScripts"), { base: baseOf(path), refusal: unusableDirectory }))
    .map((file) => ({ shown: file, content: readText(file, "initScripts") }));
}

function unusableDirectory(path: string, problem: string, remedy: string): InvalidArgumentError {
  const what = `withInitScripts() cannot use ${JSON.stringify(path)}, which ${problem}.`;
  return new InvalidArgumentError({ what, remedy, argument: "initScripts", value: path });
}

/** The content of the file that identifies the set of scripts. */
export function markOf(scripts: readonly InitScript[]): string {
  const hash = createHash("sha256");
  for (const { shown, content } of scripts) hash.update(JSON.stringify([shown, content]));
  return hash.digest("hex");
}

/** @throws IrisSessionError when IRIS refuses a part of a script */
export async function runInitScripts(
  host: SessionHost,
  scripts: readonly InitScript[],
  place: SessionPlace,
): Promise<void> {
  for (const step of initSteps(scripts, place)) {
    try {
      if (step.files.length === 0) await runTask(host, step.task(""));
      else await withCopies(host, step.files, ([path = ""]) => runTask(host, step.task(path.replace(/\/[^/]*$/, ""))));
    } catch (error) {
      const failure = error instanceof IrisSessionError ? refusedScript(step.shown, error) : error;
      await noteFailure(host, failure);
      throw failure;
    }
  }
  await host.exec(["touch", DONE_PATH]);
}

/** A container whose init scripts another process may still be running. */
type PreparedContainer = SessionHost & { getName(): string };

/**
 * Waits until the process that made the container has run its init scripts, if it has any.
 * @throws ContainerStartError when they failed, or are not done in time
 * @throws NotRunningError when the container ended, such as to be restarted
 */
export async function initScriptsDone(
  container: PreparedContainer,
  timeoutMs = IRIS_STARTUP_TIMEOUT_MS,
): Promise<void> {
  const problem = await problemOf(container, performance.now() + timeoutMs);
  if (problem === undefined) return;
  const name = container.getName().replace(/^\//, "");
  if (problem === "late")
    throw new ContainerStartError({
      what: `The init scripts of the container ${name} did not finish within ${timeoutMs / 1000} s.`,
      state: "Another process made the container. It is still running the scripts, or ended before they finished.",
      remedy: `if no process is starting it any more, remove it: docker rm --force ${name}`,
    });
  throw new ContainerStartError({
    what: `The init scripts of the container ${name}, which another start made, failed.`,
    state: problem.words,
    remedy: `correct the scripts; if the container is still there, remove it: docker rm --force ${name}`,
  });
}

type Problem = "late" | { readonly words: string };

/** The exit codes of the check in the container; with any other code the check did not run, and the output is the engine's. */
const LOOK = { done: 0, failed: 63, notDone: 64 };

async function problemOf(container: SessionHost, deadline: number): Promise<Problem | undefined> {
  const isDone = `test ! -e ${INIT_MARK_PATH} || test -e ${DONE_PATH}`;
  const look = `if ${isDone}; then exit ${LOOK.done}; fi; cat ${FAILED_PATH} && exit ${LOOK.failed}; exit ${LOOK.notDone}`;
  for (;;) {
    const { exitCode, stdout, output } = await exec(container, look);
    if (exitCode === LOOK.done) return undefined;
    if (exitCode !== LOOK.failed && exitCode !== LOOK.notDone) throw new NotRunningError(output);
    if (stdout.trim() !== "") return { words: stdout.trim() };
    if (performance.now() > deadline) return "late";
    await delay(POLL_MS);
  }
}

async function exec(container: SessionHost, script: string) {
  try {
    return await container.exec(["sh", "-c", script]);
  } catch (error) {
    if (isMissing(error) || isInTheWay(error)) throw new NotRunningError(engineWords(error));
    throw error;
  }
}

/** Records the failure for starts that join the container, so that they do not wait until their time-out. */
async function noteFailure(host: SessionHost, failure: unknown): Promise<void> {
  const FAILURE = failure instanceof Error ? failure.message : String(failure);
  try {
    await host.exec(["sh", "-c", `printf %s "$FAILURE" > ${FAILED_PATH}`], { env: { FAILURE } });
  } catch (error) {
    debug("the failure of the init scripts was not noted: %o", error);
  }
}

/** Without advice to try it by hand, because the container is removed. */
function refusedScript(shown: string, error: IrisSessionError): IrisSessionError {
  return rephrased(error, {
    what: `The init script ${shown} failed. ${error.what}`,
    remedy: `correct ${shown}, which withInitScripts() names`,
  });
}
