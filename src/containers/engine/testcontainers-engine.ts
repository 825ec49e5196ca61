import type { ContainerRuntimeClient } from "testcontainers";
import { DockerodeEngine } from "../../docker/dockerode-engine.ts";
import type { ContainerEngine } from "../../docker/engine.ts";
import { namedHost } from "../../docker/engine-address.ts";
import { ContainerEngineError } from "../../errors/errors.ts";
import { type PortRegistry, withStartEngine } from "../../registry/registry.ts";

/**
 * The engine on which Testcontainers starts containers: the first of its candidates that works. The registry must ask this
 * engine.
 */
export function engineOfTestcontainers(client: ContainerRuntimeClient): DockerodeEngine {
  return new DockerodeEngine({ client: client.container.dockerode });
}

/**
 * The registry, asking the engine that starts its containers.
 * @throws ContainerEngineError which names both, when the registry was made for another engine
 */
export async function registryOn(engine: ContainerEngine, registry: PortRegistry): Promise<PortRegistry> {
  const asking = withStartEngine(registry, engine);
  const asked = asking.engine;
  if (asked === undefined || asked === engine || asked.identify === undefined) return asking;
  if ((await asked.identify()) === (await engine.identify?.())) return asking;
  throw new ContainerEngineError({
    what: `The registry asks the container engine at ${asked.endpoint}, but Testcontainers starts containers at ${engine.endpoint}.`,
    state: "These are two engines. Nothing was started.",
    remedy: `set DOCKER_HOST=${asked.endpoint}, or leave the option \`engine\` of the registry out`,
  });
}

/**
 * Makes sure that the container starts on the configured engine: if that one does not work, Testcontainers silently uses the
 * next one.
 * @throws ContainerEngineError which names both
 */
export async function checkConfigured(engine: DockerodeEngine): Promise<void> {
  const named = namedHost();
  if (named === undefined) return;
  const failure = await differenceTo(engine);
  if (failure === undefined) return;
  throw new ContainerEngineError({
    what: `${named.source} names the container engine ${named.host}, but Testcontainers would start the container on the one at ${engine.endpoint}.`,
    state: `${failure.what}\nNothing was started.`,
    remedy: `correct ${named.source}; to use the engine at ${engine.endpoint}, unset it`,
    cause: failure.cause,
  });
}

/** Why the configured engine is not this one; undefined if it is, at whatever address. */
async function differenceTo(engine: DockerodeEngine): Promise<{ what: string; cause?: unknown } | undefined> {
  try {
    const configured = new DockerodeEngine();
    if (configured.endpoint === engine.endpoint) return undefined;
    if ((await configured.identify()) === (await engine.identify())) return undefined;
    return { what: `Another engine answers at ${configured.endpoint}.` };
  } catch (cause) {
    if (cause instanceof ContainerEngineError) return { what: cause.what, cause };
    throw cause;
  }
}
