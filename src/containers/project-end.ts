import createDebug from "debug";
import type { ContainerRuntimeClient } from "testcontainers";
import { LABEL_CREATOR, LABEL_LIFETIME, LABEL_TENURE } from "../ports/labels.ts";
import { findContainer, removeContainer, removeCreatedBy } from "./engine-containers.ts";
import type { Tenancy } from "./tenancy.ts";

const debug = createDebug("iris-ports:containers");

/** Ends a tenancy whose start has failed: nothing is left but what others use, or what was to be kept. */
export async function leaveFailedStart(client: ContainerRuntimeClient, tenancy: Tenancy): Promise<void> {
  try {
    const labels = (await findContainer(client, tenancy.assignment.containerName))?.Config.Labels ?? {};
    const isKept = labels[LABEL_LIFETIME] === "kept" && labels[LABEL_CREATOR] !== tenancy.holderId;
    const { isLast } = await tenancy.beginLeave(isKept);
    if (isKept) return;
    if (isLast) {
      await removeCreatedBy(client, tenancy.holderId);
      await removeProjectContainer(client, tenancy);
    }
  } catch (error) {
    // The failure that led here matters more. The next start of the project removes what is left.
    debug("the container %s was not removed: %o", tenancy.assignment.containerName, error);
  }
  await tenancy.release();
}

/**
 * Removes the tenure's container, whichever of its users made it. To be called by the last of them between
 * `beginLeave()` and `release()`, when nobody can make another.
 */
export async function removeProjectContainer(client: ContainerRuntimeClient, tenancy: Tenancy): Promise<void> {
  const found = await findContainer(client, tenancy.assignment.containerName);
  if (found?.Config.Labels[LABEL_TENURE] === tenancy.tenure) await removeContainer(client, found.Id);
}
