import { DockerodeEngine } from "../docker/dockerode-engine.ts";
import { ContainerEngineError } from "../errors/errors.ts";
import { IRIS_WEB_PORT } from "../iris/ports.ts";
import type { PortAssignment } from "../registry/assignment.ts";
import { PortRegistry } from "../registry/registry.ts";
import { containerOf } from "./iris/open-iris.ts";
import { type GlobalOptions, registryOptions } from "./open-registry.ts";

/** The registry, and the engine that it asks. */
export type RegistryAndEngine = { readonly registry: PortRegistry; readonly engine: DockerodeEngine };

/** For commands that also work without the docker command. @throws InvalidArgumentError */
export function openRegistryAndEngine(options: GlobalOptions): RegistryAndEngine {
  const engine = new DockerodeEngine();
  return { engine, registry: new PortRegistry({ ...registryOptions(options), engine }) };
}

/** The project's container if it runs now, and the host port of its web server, if it publishes one. */
export type ServedWebPort = {
  readonly container?: string;
  readonly webPort?: number | undefined;
  /** Set if the engine could not be asked; the assigned web port may then not be the published one. */
  readonly warning?: string;
};

/**
 * Where the web server of the project's IRIS answers now: a container may have been started before the web port was
 * assigned, or by another program.
 */
export async function servedWebPort(
  { registry, engine }: RegistryAndEngine,
  assignment: PortAssignment,
): Promise<ServedWebPort> {
  try {
    const container = containerOf(await engine.listContainers(), registry, assignment);
    if (container?.state !== "running") return {};
    return { container: container.name, webPort: await engine.publishedPort(container.id, IRIS_WEB_PORT) };
  } catch (error) {
    if (!(error instanceof ContainerEngineError)) throw error;
    const { webPort } = assignment;
    if (webPort === undefined) return {};
    return { warning: `It is not known whether web port ${webPort} works now: ${error.what}` };
  }
}
