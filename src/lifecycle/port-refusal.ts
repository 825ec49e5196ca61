import createDebug from "debug";
import type { ContainerEngine } from "../docker/engine.ts";
import { statusOf } from "../docker/engine-error.ts";
import { isInTheWay, isMissing, saysPortRefused } from "../docker/engine-error-kinds.ts";
import { bindProbe, quietProbe } from "../registry/host/port-probe.ts";

const debug = createDebug("iris-ports:lifecycle");

/**
 * True when an engine refused to create or start a container because one of its host ports is taken. Every engine says so
 * in words of its own, so that a refusal in other words is decided by the ports themselves.
 * @param containerName of the container that was refused, which may still have the ports noted down
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
    debug("which container publishes %o cannot be told: %o", hostPorts, error);
    return false;
  }
}

async function isAnyListenedOn(hostPorts: readonly number[], engine: ContainerEngine | undefined): Promise<boolean> {
  // The ports of a remote engine open on its host.
  if (engine?.isLocal === false) return false;
  // Rather without a bind: a registry that chooses a port at this moment would take it for a listener.
  const isFree = quietProbe() ?? bindProbe;
  for (const port of hostPorts) if (!(await isFree(port))) return true;
  return false;
}
