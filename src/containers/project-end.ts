import createDebug from "debug";
import type { ContainerRuntimeClient } from "testcontainers";
import type { Lease } from "../lifecycle/lease.ts";
import { LABEL_CREATOR, LABEL_GENERATION, LABEL_LIFETIME } from "../registry/labels.ts";
import { findContainer, removeContainer, removeCreatedBy } from "./engine/engine-containers.ts";

const debug = createDebug("iris-ports:containers");

/** Ends a lease whose start has failed: nothing is left but what others use, or what was to be kept. */
export async function leaveFailedStart(client: ContainerRuntimeClient, lease: Lease): Promise<void> {
  try {
    const labels = (await findContainer(client, lease.assignment.containerName))?.Config.Labels ?? {};
    const isKept = labels[LABEL_LIFETIME] === "kept" && labels[LABEL_CREATOR] !== lease.holderId;
    const { isLast } = await lease.beginLeave(isKept);
    if (isKept) return;
    if (isLast) {
      await removeCreatedBy(client, lease.holderId);
      await removeProjectContainer(client, lease);
    }
  } catch (error) {
    // The failure that led here matters more. The next start of the project removes what is left.
    debug("the container %s was not removed: %o", lease.assignment.containerName, error);
  }
  await lease.release();
}

/**
 * Removes the generation's container, whichever of its users made it. To be called by the last of them between
 * `beginLeave()` and `release()`, when nobody can make another.
 */
export async function removeProjectContainer(client: ContainerRuntimeClient, lease: Lease): Promise<void> {
  const found = await findContainer(client, lease.assignment.containerName);
  if (found?.Config.Labels[LABEL_GENERATION] !== lease.generation) return;
  if (await lease.mayRemove(found.Config.Labels)) await removeContainer(client, found.Id);
}
