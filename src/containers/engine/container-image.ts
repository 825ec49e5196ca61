import {
  type ContainerRuntimeClient,
  getContainerRuntimeClient,
  type ImageName,
  type PullPolicy,
} from "testcontainers";
import { DockerodeEngine } from "../../docker/dockerode-engine.ts";
import type { ContainerEngine } from "../../docker/engine.ts";
import { engineError, engineTimeoutError } from "../../docker/engine-error.ts";
import { engineWords } from "../../docker/engine-error-kinds.ts";
import { ContainerEngineError, InvalidArgumentError } from "../../errors/errors.ts";
import { osCode } from "../../errors/os-code.ts";
import { LIBRARY_ADVICE } from "../../lifecycle/advice.ts";
import { missingImage } from "../../lifecycle/start-failure.ts";
import { listPublishedPortsOnly } from "./published-ports-only.ts";
import type { TestcontainersHost } from "./testcontainers-host.ts";
import { withinTime } from "./time-limit.ts";

/** More than the idle connections of Testcontainers. */
const WAKE_ATTEMPTS = 10;
/** In a container, Testcontainers may pull a small image to find the engine's host. */
const CONNECT_TIMEOUT_MS = 60_000;

type ImagePullPolicy = ReturnType<typeof PullPolicy.defaultPolicy>;

/**
 * Testcontainers' client.
 * @throws ContainerEngineError which explains what is wrong with the engine, where Testcontainers only reports that it found none
 */
export async function connectEngine(engine: ContainerEngine = new DockerodeEngine()): Promise<ContainerRuntimeClient> {
  const limit = { timeoutMs: CONNECT_TIMEOUT_MS, late: () => engineTimeoutError(engine.endpoint, CONNECT_TIMEOUT_MS) };
  let client: ContainerRuntimeClient;
  try {
    client = await withinTime(limit, getContainerRuntimeClient);
  } catch (cause) {
    await engine.listContainers();
    if (cause instanceof ContainerEngineError) throw cause;
    throw new ContainerEngineError({
      what: `The container engine at ${engine.endpoint} answers, but Testcontainers cannot use it.`,
      state: `It reports: ${engineWords(cause)}`,
      remedy: remedyFor(engine.endpoint),
      cause,
    });
  }
  await withinTime(limit, () => wake(client, engine.endpoint));
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

/** A restart of the engine closes the connections that Testcontainers keeps, and each one fails at its next use. */
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
  host: TestcontainersHost,
  imageName: ImageName,
  policy: ImagePullPolicy,
  platform: string | undefined,
): Promise<void> {
  const image = imageName.string;
  const shouldPull = policy.shouldPull();
  const isPulled = shouldPull !== "never";
  if (shouldPull !== true && (await host.findImage(image)) !== undefined) return;
  try {
    if (isPulled) await endingPull(host.client).pull(imageName, { force: true, platform });
  } catch (cause) {
    throw missingImage({ image, words: engineWords(cause), isPulled, advice: LIBRARY_ADVICE, cause });
  }
  // Testcontainers does not report a pull that breaks off.
  if (isPulled && (await host.findImage(image)) !== undefined) return;
  const words = isPulled ? "the pull ended, and the engine does not have it" : "the pull policy is never to pull it";
  throw missingImage({ image, words, isPulled, advice: LIBRARY_ADVICE });
}

/** A client whose pull also ends with its connection. Testcontainers waits for the end of a pull that breaks off. */
function endingPull({ image, container: { dockerode } }: ContainerRuntimeClient): ContainerRuntimeClient["image"] {
  const pull = async (name: string, options: object) => {
    const answer = await dockerode.pull(name, options);
    answer.once("close", () => answer.emit("end"));
    return answer;
  };
  return Object.create(image, { dockerode: { value: Object.create(dockerode, { pull: { value: pull } }) } });
}

/**
 * The only TCP port that the image exposes.
 * @throws InvalidArgumentError when there are none or several
 */
export async function soleExposedPort(host: TestcontainersHost, { string: image }: ImageName): Promise<number> {
  const { exposedPorts = [] } = (await host.findImage(image)) ?? {};
  const ports = exposedPorts.filter((port) => !/\/(udp|sctp)$/.test(port)).map((port) => Number.parseInt(port, 10));
  const [port] = ports;
  if (port !== undefined && ports.length === 1) return port;
  throw new InvalidArgumentError({
    what: `The image ${image} exposes ${ports.length === 0 ? "no port" : `several ports (${ports.join(", ")})`}.`,
    remedy: "name the port to publish: new RegistryContainer(image, containerPort)",
    argument: "containerPort",
    value: undefined,
  });
}
