import {
  type ContainerRuntimeClient,
  getContainerRuntimeClient,
  type ImageName,
  type PullPolicy,
} from "testcontainers";
import { DockerodeEngine } from "../../docker/dockerode-engine.ts";
import type { ContainerEngine } from "../../docker/engine.ts";
import { engineError } from "../../docker/engine-error.ts";
import { engineWords } from "../../docker/engine-error-kinds.ts";
import { ContainerEngineError, InvalidArgumentError } from "../../errors/errors.ts";
import { osCode } from "../../errors/os-code.ts";
import { LIBRARY_ADVICE } from "../../lifecycle/advice.ts";
import { missingImage } from "../../lifecycle/start-failure.ts";
import { listPublishedPortsOnly } from "./published-ports-only.ts";

/** More than the idle connections of Testcontainers. */
const WAKE_ATTEMPTS = 10;

type ImagePullPolicy = ReturnType<typeof PullPolicy.defaultPolicy>;

/**
 * Testcontainers' client.
 * @throws ContainerEngineError which explains what is wrong with the engine, where Testcontainers only reports that it found none
 */
export async function connectEngine(engine: ContainerEngine = new DockerodeEngine()): Promise<ContainerRuntimeClient> {
  let client: ContainerRuntimeClient;
  try {
    client = await getContainerRuntimeClient();
  } catch (cause) {
    await engine.listContainers();
    throw new ContainerEngineError({
      what: `The container engine at ${engine.endpoint} answers, but Testcontainers cannot use it.`,
      state: `It reports: ${engineWords(cause)}`,
      remedy: remedyFor(engine.endpoint),
      cause,
    });
  }
  await wake(client, engine.endpoint);
  listPublishedPortsOnly(client);
  return client;
}

/** Testcontainers supports neither docker contexts nor ssh. The ports open on the other host, whose socket seems to be here. */
function remedyFor(endpoint: string): string {
  if (!endpoint.startsWith("ssh://")) return `set DOCKER_HOST=${endpoint}; see why with DEBUG=testcontainers`;
  const forward = `ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock ${endpoint}`;
  const settings = `DOCKER_HOST=unix:///tmp/docker.sock TESTCONTAINERS_HOST_OVERRIDE=${new URL(endpoint).hostname}`;
  return `forward its socket, \`${forward}\`, and \`export ${settings}\``;
}

/** After a restart of the engine, the connections that Testcontainers keeps are closed; each is noticed when it is used. */
async function wake(client: ContainerRuntimeClient, endpoint: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.container.dockerode.ping();
      return;
    } catch (error) {
      const isHungUp = ["ECONNRESET", "EPIPE"].includes(osCode(error));
      if (!isHungUp || attempt === WAKE_ATTEMPTS) throw engineError(endpoint, error);
    }
  }
}

/**
 * Makes sure that the engine has the image.
 * @throws ContainerStartError when it does not have the image and cannot pull it
 */
export async function pullImage(
  client: ContainerRuntimeClient,
  imageName: ImageName,
  policy: ImagePullPolicy,
  platform: string | undefined,
): Promise<void> {
  const shouldPull = policy.shouldPull();
  const isPulled = shouldPull !== "never";
  try {
    if (shouldPull !== "never") await client.image.pull(imageName, { force: shouldPull, platform });
    // Testcontainers does not report a pull that breaks off.
    if (await client.image.exists(imageName)) return;
  } catch (cause) {
    throw missingImage({ image: imageName.string, words: engineWords(cause), isPulled, advice: LIBRARY_ADVICE, cause });
  }
  const words = isPulled ? "the engine has pulled it, and does not have it" : "the pull policy is never to pull it";
  throw missingImage({ image: imageName.string, words, isPulled, advice: LIBRARY_ADVICE });
}

/**
 * The only TCP port that the image exposes.
 * @throws InvalidArgumentError when there are none or several
 */
export async function soleExposedPort(client: ContainerRuntimeClient, imageName: ImageName): Promise<number> {
  const { Config } = await client.image.inspect(imageName);
  const ports = Object.keys(Config?.ExposedPorts ?? {})
    .filter((port) => !/\/(udp|sctp)$/.test(port))
    .map((port) => Number.parseInt(port, 10));
  const [port] = ports;
  if (port !== undefined && ports.length === 1) return port;
  throw new InvalidArgumentError({
    what: `The image ${imageName.string} exposes ${ports.length === 0 ? "no port" : `several ports (${ports.join(", ")})`}.`,
    remedy: "name the port to publish: new RegistryContainer(image, containerPort)",
    argument: "containerPort",
    value: undefined,
  });
}
