import type { CallLimits } from "../docker/container-host.ts";
import type { DockerCommandHost } from "../docker/docker-command-host.ts";
import { ContainerStartError, IrisSessionError } from "../errors/errors.ts";
import { DEFAULT_IRIS_NAMESPACE } from "../iris/image.ts";
import { type InitScript, type InitStep, initSteps } from "../iris/session/init-scripts.ts";
import { rephrased } from "../iris/session/session-failure.ts";
import { SESSION_COMMAND } from "../iris/session-scripts.ts";
import type { Advice } from "./advice.ts";

const CLEAN_TIMEOUT_MS = 30_000;

/** The scripts to run, and the advice for messages. */
export type InitOptions = CallLimits & {
  readonly request: {
    readonly initScripts?: readonly InitScript[] | undefined;
    readonly setup: { readonly namespace?: string | undefined };
    readonly timeoutMs: number;
  };
  /** The name of the container, for messages. */
  readonly name: string;
  readonly advice: Advice;
  readonly showLog: (title: string, work: (onLine: (line: string) => void) => Promise<void>) => Promise<void>;
};

/**
 * Runs the init scripts in a container that was just made, once IRIS is ready.
 * @throws IrisSessionError when IRIS refuses a part of one
 * @throws ContainerStartError when they take longer than a start may
 */
export async function runInitScripts(host: DockerCommandHost, id: string, options: InitOptions): Promise<void> {
  const { request, name, showLog, signal } = options;
  const namespace = request.setup.namespace ?? DEFAULT_IRIS_NAMESPACE;
  const steps = initSteps(request.initScripts ?? [], { namespace, container: name });
  if (steps.length === 0) return;
  const deadline = performance.now() + (options.timeoutMs ?? request.timeoutMs);
  await showLog(`Init scripts in namespace ${namespace}`, async (print) => {
    for (const [index, step] of steps.entries()) {
      print(`Running ${step.shown}`);
      const limits = { timeoutMs: Math.max(1, deadline - performance.now()), signal };
      try {
        for (const line of await runStep(host, id, step, index, limits)) print(line);
      } catch (error) {
        signal?.throwIfAborted();
        throw scriptError(step, performance.now() > deadline ? timeoutError(step, options) : error, options);
      }
    }
  });
}

/** The output of IRIS, line by line. */
async function runStep(
  host: DockerCommandHost,
  id: string,
  step: InitStep,
  index: number,
  limits: CallLimits,
): Promise<readonly string[]> {
  const directory = `/tmp/iris-ports-init-${index}`;
  const files = step.files.map(({ name, content }) => ({ path: `${directory}/${name}`, content }));
  await host.copyFiles(id, files, limits);
  const task = step.task(directory);
  const { stdout } = await host.exec(id, SESSION_COMMAND, { ...limits, input: task.script });
  const result = task.read(stdout);
  if (files.length > 0) await host.removeFiles(id, directory, { timeoutMs: CLEAN_TIMEOUT_MS });
  return typeof result === "string" ? result.trim().split("\n").filter(Boolean) : [];
}

/** Without advice to try it by hand, because the container is removed. */
function scriptError({ shown }: InitStep, error: unknown, { advice }: InitOptions): unknown {
  if (!(error instanceof IrisSessionError)) return error;
  return rephrased(error, {
    what: `${shown}: ${error.what}`,
    remedy: `correct ${shown}, which is among ${advice.initScripts}`,
  });
}

function timeoutError({ shown }: InitStep, { request, advice }: InitOptions): ContainerStartError {
  return new ContainerStartError({
    what: `The init script ${shown} did not finish within ${request.timeoutMs / 1_000} s.`,
    remedy: `give it more time with ${advice.moreTime}, or look for a statement in it that waits`,
  });
}
