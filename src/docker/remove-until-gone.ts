import { setTimeout as delay } from "node:timers/promises";
import { engineTimeoutError } from "./engine-error.ts";
import { isInTheWay, isMissing } from "./engine-error-kinds.ts";

const POLL_MS = 50;

/** The engine, for messages, and the time limit of a removal. */
export type RemovalLimits = {
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Repeats a removal until the container is gone: another process may be removing it, and podman also refuses to remove one
 * that ends at that moment.
 * @throws ContainerEngineError when it takes too long; the signal's reason when that is aborted; what the engine refuses
 */
export async function removeUntilGone(
  remove: () => Promise<unknown>,
  { endpoint, timeoutMs, signal }: RemovalLimits,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      await remove();
      return;
    } catch (error) {
      if (isMissing(error)) return;
      if (!isInTheWay(error)) throw error;
      if (performance.now() > deadline) throw engineTimeoutError(endpoint, timeoutMs);
      await delay(POLL_MS, undefined, { signal });
    }
  }
}
