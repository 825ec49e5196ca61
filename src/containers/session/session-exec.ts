import createDebug from "debug";
import type { ExecResult, StartedTestContainer } from "testcontainers";
import { engineWords, isInTheWay } from "../../docker/engine-error-kinds.ts";
import { ContainerEngineError } from "../../errors/errors.ts";

const debug = createDebug("iris-ports:session");

/** The container in which a session runs. */
export type SessionHost = Pick<StartedTestContainer, "exec"> & {
  /** Waits while another user restarts the container. Absent if that is not known. */
  readonly untilRestarted?: () => Promise<void>;
};

/**
 * Runs a command of a session; if another user is restarting the container, after that.
 * @throws ContainerEngineError when the engine does not run it, such as in a container that has stopped
 */
export async function execInSession(
  host: SessionHost,
  command: readonly string[],
  env: Record<string, string> = {},
): Promise<ExecResult> {
  const exec = () => host.exec([...command], { env });
  try {
    return await exec().catch(async (error: unknown) => {
      if (host.untilRestarted === undefined || !isInTheWay(error)) throw error;
      debug("the container does not run: %s", engineWords(error));
      await host.untilRestarted();
      return await exec();
    });
  } catch (cause) {
    throw new ContainerEngineError({
      what: `The engine did not run a session of IRIS: ${engineWords(cause)}`,
      remedy: "see whether the container still runs: docker ps --all",
      cause,
    });
  }
}
