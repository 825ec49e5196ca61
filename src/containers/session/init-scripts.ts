import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { ContainerStartError, IrisSessionError } from "../../errors/errors.ts";
import { IRIS_STARTUP_TIMEOUT_MS } from "../../iris/image.ts";
import { type InitScript, initSteps } from "../../iris/session/init-scripts.ts";
import { rephrased, type SessionPlace } from "../../iris/session/session-failure.ts";
import { checkFile } from "../options/copied-sources.ts";
import { withCopies } from "./copied-files.ts";
import { runTask, type SessionHost } from "./iris-session.ts";

/** A file in a container with init scripts from its creation on; its content identifies the set of scripts. */
export const INIT_MARK_PATH = "/tmp/iris-ports-init";
/** A file that exists after the scripts have run. */
const DONE_PATH = `${INIT_MARK_PATH}.done`;
const POLL_MS = 100;

/** @throws InvalidArgumentError when a path is not a file that this process can read */
export function readInitScripts(paths: readonly string[]): InitScript[] {
  return paths.map((path) => {
    checkFile(path, "initScripts");
    return { shown: path, content: readFileSync(path, "utf8") };
  });
}

/** Equal for equal scripts. */
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
      throw error instanceof IrisSessionError ? refusedScript(step.shown, error) : error;
    }
  }
  await host.exec(["touch", DONE_PATH]);
}

/**
 * Waits until the process that made the container has run its init scripts, if it has any.
 * @throws ContainerStartError when they are not done in time
 */
export async function initScriptsDone(
  container: SessionHost & { getName(): string; stop(): Promise<unknown> },
  timeoutMs = IRIS_STARTUP_TIMEOUT_MS,
): Promise<void> {
  const test = ["sh", "-c", `test ! -e ${INIT_MARK_PATH} || test -e ${DONE_PATH}`];
  for (const deadline = performance.now() + timeoutMs; (await container.exec(test)).exitCode !== 0; ) {
    if (performance.now() > deadline) {
      const name = container.getName().replace(/^\//, "");
      await container.stop();
      throw new ContainerStartError({
        what: `The init scripts of the container ${name} were not done within ${timeoutMs / 1000} s.`,
        state:
          "Another process has made the container. It is still running its scripts, or has ended before they were done.",
        remedy: `if no process is starting it any more, remove it: docker rm --force ${name}`,
      });
    }
    await delay(POLL_MS);
  }
}

/** Without advice to try it by hand, because the container is removed. */
function refusedScript(shown: string, error: IrisSessionError): IrisSessionError {
  return rephrased(error, {
    what: `The init script ${shown} failed. ${error.what}`,
    remedy: `correct ${shown}, which withInitScripts() names`,
  });
}
