import { DockerCommandEngine } from "../../src/docker/docker-command-engine.ts";
import { IrisRegistryContainer, type PortRegistry } from "../../src/index.ts";
import { LIBRARY_ADVICE } from "../../src/lifecycle/advice.ts";
import { removeProjectContainer } from "../../src/lifecycle/end.ts";
import { ensureImage } from "../../src/lifecycle/ensure-image.ts";
import { Lease } from "../../src/lifecycle/lease.ts";
import { reachOf } from "../../src/lifecycle/reach.ts";
import { startIris } from "../../src/lifecycle/start-iris.ts";
import { READ_LABELS } from "../../src/registry/container-labels.ts";

/** The options of a start. */
export type Asked = {
  readonly registry: PortRegistry;
  readonly project: string;
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The content of a configuration merge file. */
  readonly cpfMerge?: string;
  readonly preferredPort?: number;
  readonly isKept?: boolean;
  readonly timeoutMs?: number;
};

/** A container in use. */
export type Use = {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly name: string;
  stop(): Promise<void>;
};

/** A way to start the container of a project. */
export type Adapter = { readonly name: string; start(asked: Asked): Promise<Use> };

const TIMEOUT_MS = 60_000;

const testcontainers: Adapter = {
  name: "Testcontainers",
  start: async ({ registry, project, image, environment, cpfMerge, preferredPort, isKept, timeoutMs = TIMEOUT_MS }) => {
    const container = new IrisRegistryContainer(image).withRegistry(registry).withProject(project);
    container.withEnvironment({ ...environment }).withStartupTimeout(timeoutMs);
    if (preferredPort !== undefined) container.withPort(preferredPort);
    if (cpfMerge !== undefined) container.withCpfMerge(cpfMerge);
    if (isKept) container.withReuse();
    const started = await container.start();
    return {
      id: started.getId(),
      host: started.getHost(),
      port: started.getPort(),
      name: started.getAssignment()?.containerName ?? "",
      stop: async () => void (await started.stop()),
    };
  },
};

const dockerCommand: Adapter = {
  name: "the docker command",
  start: (asked) => startByCommand(asked),
};

/** Both ways, which must behave alike. */
export const ADAPTERS: readonly Adapter[] = [testcontainers, dockerCommand];

/** A start through the docker command, which can be interrupted. */
export async function startByCommand(asked: Asked, signal?: AbortSignal): Promise<Use> {
  const { registry, project, image, environment = {}, preferredPort, timeoutMs = TIMEOUT_MS } = asked;
  const engine = new DockerCommandEngine({ labels: READ_LABELS });
  const { host } = engine;
  const runPull = (name: string) => host.pull(name);
  await ensureImage(host, { image, pull: "missing", advice: LIBRARY_ADVICE, signal, runPull });
  const lease = await Lease.begin(registry, { project, preferredPort });
  const { isLocal, endpoint } = engine;
  const reach = await reachOf({ isLocal, endpoint, knownHost: undefined, isInContainer: false });
  const request = {
    image,
    containerPort: 1972,
    environment,
    cpfMerge: asked.cpfMerge,
    setup: {},
    isWebPortWanted: false,
    lifetime: asked.isKept ? "kept" : "holders",
    timeoutMs,
  } as const;
  const { use } = await startIris(request, {
    host,
    lease,
    reach,
    advice: LIBRARY_ADVICE,
    signal,
    narrate: () => undefined,
    showLog: (_, work) => work(() => undefined),
  });
  const { port, containerName } = lease.assignment;
  const stop = async () => {
    if ((await lease.beginLeave(false)).isLast) await removeProjectContainer(host, lease);
    await lease.release();
  };
  return { ...use, port, name: containerName, stop };
}
