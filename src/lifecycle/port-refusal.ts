import createDebug from "debug";
import type { ContainerEngine } from "../docker/engine.ts";
import { statusOf } from "../docker/engine-error.ts";
import { isInTheWay, isMissing, saysPortRefused } from "../docker/engine-error-kinds.ts";
import { bindProbe, quietProbe } from "../registry/host/port-probe.ts";

const debug = createDebug("iris-ports:lifecycle");

/**
 * True if an engine refused to create or start a container because one of its host ports is taken. Engines word this
 * differently, so a refusal in unknown words is decided by checking the ports.
 * @param containerName the refused container, which may still list the ports
 */
export async function isPortRefused(
  error: unknown,
  hostPorts: readonly number[],
  engine: ContainerEngine | undefined,
  containerName?: string,
): Promise<boolean> {
  if (saysPortRefused(error, hostPorts)) return true;
  const isRefusal = statusOf(error) !== undefined && !isMissing(error) && !isInTheWay(error);
  if (!isRefusal) return false;
  return (await isAnyPublished(hostPorts, engine, containerName)) || (await isAnyListenedOn(hostPorts, engine));
}

async function isAnyPublished(
  hostPorts: readonly number[],
  engine: ContainerEngine | undefined,
  containerName: string | undefined,
): Promise<boolean> {
  try {
    const containers = (await engine?.listContainers()) ?? [];
    return containers.some(
      (container) =>
        container.name !== containerName &&
        container.state === "running" &&
        container.hostPorts.some((port) => hostPorts.includes(port)),
    );
  } catch (error) {
    debug("it is unknown which container publishes %o: %o", hostPorts, error);
    return false;
  }
}

async function isAnyListenedOn(hostPorts: readonly number[], engine: ContainerEngine | undefined): Promise<boolean> {
  // The ports of a remote engine open on its host.
  if (engine?.isLocal === false) return false;
  // Preferably without binding, which would look like a listener to a registry that chooses a port at this moment.
  const isFree = quietProbe() ?? bindProbe;
  for (const port of hostPorts) if (!(await isFree(port))) return true;
  return false;
}
