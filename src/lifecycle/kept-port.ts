import type { ContainerEngine, EngineContainer } from "../docker/engine.ts";
import { engineWords } from "../docker/engine-error-kinds.ts";
import type { InspectedContainer } from "../docker/inspected-container.ts";
import { ContainerEngineError } from "../errors/errors.ts";
import { describeOccupant, nameListener, stopListener } from "../registry/allocation/assignment-errors.ts";
import { PortConflictError, type PortOccupant } from "../registry/errors.ts";
import { quietProbe } from "../registry/host/port-probe.ts";
import { shellQuoted } from "../settings/command-text.ts";

/** A kept container cannot be started again, because another program has taken one of its ports meanwhile. */
export async function keptPortError(
  { name }: InspectedContainer,
  hostPorts: readonly number[],
  engine: ContainerEngine | undefined,
  cause: unknown,
): Promise<PortConflictError> {
  const occupant = nameListener(await occupantOf(hostPorts, name, engine));
  const { kind, port } = occupant;
  const free =
    kind === "container"
      ? `stop that container: docker stop ${shellQuoted(occupant.name)}`
      : engine?.isLocal === false
        ? "stop the program that uses the port on the engine's host"
        : stopListener(occupant);
  return new PortConflictError({
    what: `Port ${port} of the kept container ${name} was taken while the container did not run, by ${describeOccupant(occupant)}.`,
    state: `The container keeps its data. The engine says: ${engineWords(cause)}`,
    remedy: `${free}, then start again; or remove the container with the data in it: docker rm --force ${shellQuoted(name)}`,
    port,
    occupant,
    cause,
  });
}

async function occupantOf(
  hostPorts: readonly number[],
  ownName: string,
  engine: ContainerEngine | undefined,
): Promise<PortOccupant> {
  const running = (await containersOf(engine)).filter(({ name, state }) => name !== ownName && state === "running");
  for (const port of hostPorts) {
    const publisher = running.find((container) => container.hostPorts.includes(port));
    if (publisher !== undefined) return { kind: "container", port, name: publisher.name };
  }
  const isFree = engine?.isLocal === false ? undefined : quietProbe();
  for (const port of hostPorts) if (!((await isFree?.(port)) ?? true)) return { kind: "listener", port, name: "" };
  const [port = 0] = hostPorts;
  return { kind: "listener", port, name: "" };
}

async function containersOf(engine: ContainerEngine | undefined): Promise<readonly EngineContainer[]> {
  try {
    return (await engine?.listContainers()) ?? [];
  } catch (error) {
    if (error instanceof ContainerEngineError) return [];
    throw error;
  }
}
