import { ContainerStartError, IrisSessionError } from "../src/errors/errors.ts";
import { DEFAULT_IRIS_NAMESPACE } from "../src/iris/image.ts";
import { type InitStep, initSteps } from "../src/iris/session/init-scripts.ts";
import { SESSION_COMMAND } from "../src/iris/session-scripts.ts";
import { copyFiles } from "./container-files.ts";
import type { DockerCli } from "./docker-cli.ts";
import type { IrisInputs } from "./inputs/iris-inputs.ts";
import { abortable } from "./job/interruption.ts";
import { inGroup } from "./output/log.ts";

const CLEAN_TIMEOUT_MS = 30_000;

/**
 * Runs the init scripts in a container that this step made, once IRIS is ready.
 * @throws IrisSessionError when IRIS refuses a part of one
 * @throws ContainerStartError when they take longer than a start may
 */
export async function runInitScripts(
  cli: DockerCli,
  container: { readonly id: string; readonly name: string },
  iris: IrisInputs,
  interruption: AbortSignal,
): Promise<void> {
  const namespace = iris.namespace ?? DEFAULT_IRIS_NAMESPACE;
  const steps = initSteps(iris.initScripts, { namespace, container: container.name });
  if (steps.length === 0) return;
  const timeout = AbortSignal.timeout(iris.startTimeoutMs);
  const signal = AbortSignal.any([interruption, timeout]);
  await inGroup(`Init scripts in namespace ${namespace}`, async (print) => {
    for (const [index, step] of steps.entries()) {
      print(`Running ${step.shown}`);
      try {
        for (const line of await runStep(cli, container.id, step, index, signal)) print(line);
      } catch (error) {
        interruption.throwIfAborted();
        throw scriptError(step, timeout.aborted ? timeoutError(step, iris) : error);
      }
    }
  });
}

/** What IRIS wrote, line by line. */
async function runStep(
  cli: DockerCli,
  id: string,
  step: InitStep,
  index: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const directory = `/tmp/iris-ports-init-${index}`;
  const files = step.files.map(({ name, content }) => ({ path: `${directory}/${name}`, content }));
  await copyFiles(cli, id, files, signal);
  const task = step.task(directory);
  const exec = ["exec", "--interactive", id, ...SESSION_COMMAND];
  const { stdout } = await abortable(cli.run(exec, { input: task.script }), signal);
  const result = task.read(stdout);
  if (files.length > 0) await cli.ask(["exec", "--user", "root", id, "rm", "-rf", directory], CLEAN_TIMEOUT_MS);
  return typeof result === "string" ? result.trim().split("\n").filter(Boolean) : [];
}

/** The container is gone when somebody reads this, so nothing can be tried in it by hand. */
function scriptError({ shown }: InitStep, error: unknown): unknown {
  if (!(error instanceof IrisSessionError)) return error;
  const { state, namespace, words, line, statement, sqlCode, errors, output } = error;
  return new IrisSessionError({
    what: `${shown}: ${error.what}`,
    state,
    remedy: `correct ${shown}, which \`init-scripts\` names.`,
    namespace,
    words,
    line,
    statement,
    sqlCode,
    errors,
    output,
    cause: error,
  });
}

function timeoutError({ shown }: InitStep, { startTimeoutMs }: IrisInputs): ContainerStartError {
  return new ContainerStartError({
    what: `The init script ${shown} was not done after ${startTimeoutMs / 1_000} s.`,
    remedy: "give it more time with `start-timeout`, or look for a statement in it that waits.",
  });
}
