import type { StopOptions, StoppedTestContainer } from "testcontainers";
import { engineError, engineTimeoutError } from "../docker/engine-error.ts";
import { isInTheWay, isMissing } from "../docker/engine-error-kinds.ts";
import { removeProjectContainer } from "../lifecycle/end.ts";
import type { Lease } from "../lifecycle/lease.ts";
import type { ContainerUse, Shutdown } from "./container-use.ts";
import { withinTime } from "./engine/time-limit.ts";

/** How long the engine may take in addition to the container's time to end. */
const STOP_TIMEOUT_MS = 30_000;

/** Ends a use of a container. The last user ends the container as well: after a shutdown, with `stop`. */
export async function leaveContainer(
  use: ContainerUse,
  shutdown: Shutdown | undefined,
  options: Partial<StopOptions>,
  stop: () => Promise<StoppedTestContainer>,
): Promise<StoppedTestContainer> {
  const { host, lease, session } = use;
  const end = () => endContainer(use, shutdown, options, stop);
  try {
    return await (lease === undefined ? end() : leaveOrEnd(use, lease, options, end));
  } catch (error) {
    await lease?.stay();
    throw engineError(host.endpoint, error);
  } finally {
    session?.close();
  }
}

async function leaveOrEnd(
  use: ContainerUse,
  lease: Lease,
  options: Partial<StopOptions>,
  end: () => Promise<StoppedTestContainer>,
): Promise<StoppedTestContainer> {
  const { isKept, isRemovedByStop, log } = use;
  const isRemoved = !isKept && (options.remove ?? isRemovedByStop);
  const { isLast } = await lease.beginLeave(!isRemoved);
  if (!isLast || isKept || !(await mayEnd(use, lease))) {
    // The log stream lasts as long as the container, and would keep this process running.
    log?.destroy();
    return left(use);
  }
  const stopped = await end();
  if (isRemoved) await lease.release();
  return stopped;
}

/** False if the registry has lost track of its users, and its maker may still use it. */
async function mayEnd({ host, container }: ContainerUse, lease: Lease): Promise<boolean> {
  const found = await host.find(container.getId());
  return found === undefined || (await lease.mayRemove(found.labels));
}

async function endContainer(
  use: ContainerUse,
  shutdown: Shutdown | undefined,
  options: Partial<StopOptions>,
  stop: () => Promise<StoppedTestContainer>,
): Promise<StoppedTestContainer> {
  const { host, lease } = use;
  const timeoutMs = (options.timeout ?? 0) + STOP_TIMEOUT_MS;
  try {
    const late = () => engineTimeoutError(host.endpoint, timeoutMs);
    const isRemoved = options.remove ?? use.isRemovedByStop;
    if (!isRemoved || (await shutdown?.isNeededForRemoval())) await shutdown?.run();
    return await withinTime({ timeoutMs, late }, stop);
  } catch (error) {
    // Another process has removed the container or is removing it. If another container has replaced it, that one may have
    // lost its users.
    if (!isMissing(error) && !isInTheWay(error)) throw error;
    if (lease !== undefined) await removeProjectContainer(host, lease);
    return left(use);
  }
}

function left({ container }: ContainerUse): StoppedTestContainer {
  return {
    getId: () => container.getId(),
    copyArchiveFromContainer: (path) => container.copyArchiveFromContainer(path),
  };
}
