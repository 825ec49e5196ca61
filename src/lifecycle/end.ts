import createDebug from "debug";
import type { CallLimits, ContainerHost } from "../docker/container-host.ts";
import { LABEL_CREATOR, LABEL_GENERATION, LABEL_LIFETIME } from "../registry/labels.ts";
import type { Lease } from "./lease.ts";

const debug = createDebug("iris-ports:lifecycle");
/** An engine that hangs must not keep a start that has failed from ending. */
const LOOK_TIMEOUT_MS = 3_000;

/** Ends a lease whose start has failed: nothing is left but what others use, or what was to be kept. */
export async function leaveFailedStart(host: ContainerHost, lease: Lease): Promise<void> {
  const limits = { timeoutMs: LOOK_TIMEOUT_MS };
  try {
    const labels = (await labelsOf(host, lease.assignment.containerName)) ?? {};
    const isKept = labels[LABEL_LIFETIME] === "kept" && labels[LABEL_CREATOR] !== lease.holderId;
    const { isLast } = await lease.beginLeave(isKept);
    if (isKept) return;
    if (isLast) {
      await removeCreatedBy(host, lease.holderId, limits);
      await removeProjectContainer(host, lease, limits);
    }
  } catch (error) {
    // The failure that led here matters more. The next start of the project removes what is left.
    debug("the container %s was not removed: %o", lease.assignment.containerName, error);
  }
  await lease.release();
}

/** Undefined also where the engine does not tell: what this start has created is removed nevertheless. */
async function labelsOf(host: ContainerHost, containerName: string) {
  try {
    return (await host.find(containerName, { timeoutMs: LOOK_TIMEOUT_MS }))?.labels;
  } catch (error) {
    debug("the container %s cannot be inspected: %o", containerName, error);
    return undefined;
  }
}

/**
 * Removes the generation's container, whichever of its users made it. To be called by the last of them between
 * `beginLeave()` and `release()`, when nobody can make another.
 */
export async function removeProjectContainer(host: ContainerHost, lease: Lease, limits?: CallLimits): Promise<void> {
  const found = await host.find(lease.assignment.containerName, limits);
  if (found?.labels[LABEL_GENERATION] !== lease.generation) return;
  if (await lease.mayRemove(found.labels)) await host.remove(found.id, limits);
}

/** Removes what a holder has created, running or not. */
export async function removeCreatedBy(host: ContainerHost, holderId: string, limits?: CallLimits): Promise<void> {
  const ids = await host.labelled(LABEL_CREATOR, holderId, limits);
  await Promise.all(ids.map((id) => host.remove(id, limits)));
}
