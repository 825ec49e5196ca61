import createDebug from "debug";
import type { CallLimits, ContainerHost } from "../docker/container-host.ts";
import { LABEL_CREATOR, LABEL_GENERATION, LABEL_LIFETIME } from "../registry/labels.ts";
import { findProjectContainer, isCommitted } from "./find-container.ts";
import type { Lease } from "./lease.ts";

const debug = createDebug("iris-ports:lifecycle");
/** A failed start must end even if the engine hangs. */
const LOOK_TIMEOUT_MS = 3_000;

/** Ends a lease whose start has failed. Only containers that others use, or that are to be kept, are left. */
export async function leaveFailedStart(host: ContainerHost, lease: Lease): Promise<void> {
  const limits = { timeoutMs: LOOK_TIMEOUT_MS };
  try {
    const labels = (await labelsOf(host, lease)) ?? {};
    const isKept = labels[LABEL_LIFETIME] === "kept" && labels[LABEL_CREATOR] !== lease.holderId;
    const { isLast } = await lease.beginLeave(isKept);
    if (isKept) return;
    if (isLast) {
      await removeCreatedBy(host, lease.holderId, limits);
      await removeProjectContainer(host, lease, limits);
    }
  } catch (error) {
    // The first failure matters more. The next start of the project removes what is left.
    debug("the container %s was not removed: %o", lease.assignment.containerName, error);
  }
  await lease.release();
}

/** Undefined also if the engine does not answer; a container that this start created is removed in any case. */
async function labelsOf(host: ContainerHost, { registry, assignment }: Lease) {
  try {
    const limits = { timeoutMs: LOOK_TIMEOUT_MS };
    return (await findProjectContainer(host, registry.registryPath, assignment, limits))?.labels;
  } catch (error) {
    debug("the container %s cannot be inspected: %o", assignment.containerName, error);
    return undefined;
  }
}

/**
 * Removes the generation's container, whichever of its users made it. Called by the last user between `beginLeave()` and
 * `release()`, when no other container can be made.
 */
export async function removeProjectContainer(host: ContainerHost, lease: Lease, limits?: CallLimits): Promise<void> {
  const found = await findProjectContainer(host, lease.registry.registryPath, lease.assignment, limits);
  if (found?.labels[LABEL_GENERATION] !== lease.generation) return;
  if (await lease.mayRemove(found.labels)) await host.remove(found.id, limits);
}

/** Removes the containers that a holder created, running or not. */
export async function removeCreatedBy(host: ContainerHost, holderId: string, limits?: CallLimits): Promise<void> {
  const ids = await host.labelled(LABEL_CREATOR, holderId, limits);
  await Promise.all(
    ids.map(async (id) => {
      const found = await host.find(id, limits);
      if (found !== undefined && !(await isCommitted(host, found, limits))) await host.remove(id, limits);
    }),
  );
}
