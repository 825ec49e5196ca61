import createDebug from "debug";
import { IRIS_DATA_DIRECTORY_VARIABLE } from "../../iris/image.ts";
import type { SessionHost } from "./iris-session.ts";

const debug = createDebug("iris-ports:session");

const SHUT_DOWN = "iris stop IRIS quietly";

/** Shuts IRIS down, which ends its container; with `durable data` only if the container has any. */
export async function shutDown(
  host: SessionHost,
  { isForDurableData = false }: { readonly isForDurableData?: boolean } = {},
): Promise<void> {
  const condition = isForDurableData ? `test -z "$${IRIS_DATA_DIRECTORY_VARIABLE}" || ` : "";
  try {
    const { exitCode, output } = await host.exec(["sh", "-c", `${condition}${SHUT_DOWN}`]);
    debug("%s: %d %s", SHUT_DOWN, exitCode, output);
  } catch (error) {
    // The container has ended, or is ending, and the command with it.
    debug("%s: %o", SHUT_DOWN, error);
  }
}
