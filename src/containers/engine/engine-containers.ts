import { setTimeout as delay } from "node:timers/promises";
import type { ContainerRuntimeClient } from "testcontainers";
import { isInTheWay, isMissing } from "../../docker/engine-error-kinds.ts";
import { LABEL_CREATOR } from "../../registry/labels.ts";

const REMOVAL_POLL_MS = 20;
const REMOVAL_TIMEOUT_MS = 30_000;

/** The engine's handle of one container. */
export type EngineContainerHandle = ReturnType<ContainerRuntimeClient["container"]["getById"]>;

/** What the engine tells about one container. */
export type Inspected = Awaited<ReturnType<ContainerRuntimeClient["container"]["inspect"]>>;

/** The container with that name or id. */
export async function findContainer(client: ContainerRuntimeClient, name: string): Promise<Inspected | undefined> {
  try {
    return await client.container.dockerode.getContainer(name).inspect();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Kills and removes a container with its anonymous volumes, and returns when it is gone, whoever removed it. */
export async function removeContainer(client: ContainerRuntimeClient, id: string): Promise<void> {
  try {
    await client.container.dockerode.getContainer(id).remove({ force: true, v: true });
  } catch (error) {
    if (isMissing(error)) return;
    if (!isInTheWay(error)) throw error;
    const deadline = performance.now() + REMOVAL_TIMEOUT_MS;
    while ((await findContainer(client, id)) !== undefined) {
      if (performance.now() > deadline) throw error;
      await delay(REMOVAL_POLL_MS);
    }
  }
}

/** Removes what a holder has created, running or not. */
export async function removeCreatedBy(client: ContainerRuntimeClient, holderId: string): Promise<void> {
  const filters = { label: [`${LABEL_CREATOR}=${holderId}`] };
  const containers = await client.container.dockerode.listContainers({ all: true, filters });
  await Promise.all(containers.map(({ Id }) => removeContainer(client, Id)));
}
