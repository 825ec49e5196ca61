import createDebug from "debug";
import type { StartedTestContainer } from "testcontainers";

const debug = createDebug("iris-ports:session");

const SHUT_DOWN = "iris stop IRIS quietly";

/** Shuts IRIS down, which ends its container. */
export async function shutDown(host: Pick<StartedTestContainer, "exec">): Promise<void> {
  try {
    const { exitCode, output } = await host.exec(["sh", "-c", SHUT_DOWN]);
    debug("%s: %d %s", SHUT_DOWN, exitCode, output);
  } catch (error) {
    // The container has ended, or is ending, and the command with it.
    debug("%s: %o", SHUT_DOWN, error);
  }
}
