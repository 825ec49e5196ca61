import { type ContainerRecipe, type DockerCommandHost, shownCreate } from "../docker/docker-command-host.ts";
import type { ContainerFile } from "../docker/file-archive.ts";
import { tcpKey } from "../docker/inspected-container.ts";
import {
  DEFAULT_IRIS_PASSWORD,
  DEFAULT_IRIS_USERNAME,
  IRIS_CPF_MERGE_PATH,
  IRIS_CPF_MERGE_VARIABLE,
  IRIS_LICENSE_KEY_PATH,
} from "../iris/image.ts";
import { diagnoseLog } from "../iris/log-lines.ts";
import { IRIS_WEB_PORT } from "../iris/ports.ts";
import type { InitScript } from "../iris/session/init-scripts.ts";
import type { SetupOptions } from "../iris/session-scripts.ts";
import type { PortAssignment } from "../registry/assignment.ts";
import { LABEL_FINGERPRINT } from "../registry/labels.ts";
import { type Advice, advised } from "./advice.ts";
import { awaitAnswer } from "./await-answer.ts";
import { configurationPart, environmentParts, fingerprint, type Part } from "./fingerprint.ts";
import type { Lease } from "./lease.ts";
import { loginPart } from "./login-part.ts";
import { bindAddresses, hostsOf, publishedAddresses, type Reach } from "./reach.ts";
import { runInitScripts } from "./run-init-scripts.ts";
import { ProjectStart, type StartedProject } from "./start.ts";
import { typedStartError } from "./start-failure.ts";
import { waitForIris } from "./wait-for-iris.ts";

/** The IRIS to start for a project. */
export type IrisRequest = {
  readonly image: string;
  /** The user named no image, so any running container of the project will do. @default false */
  readonly isAnyImageFine?: boolean | undefined;
  readonly containerPort: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly setup: SetupOptions;
  /** The content of a licence key. */
  readonly licenseKey?: string | undefined;
  /** The content of a configuration merge file. */
  readonly cpfMerge?: string | undefined;
  /** Run once after the container was created, not when it is joined. */
  readonly initScripts?: readonly InitScript[] | undefined;
  /** Further options of `docker create`, one word each. */
  readonly containerOptions?: readonly string[] | undefined;
  /** The same, but a container that is joined need not have been made with them. */
  readonly optionalOptions?: readonly string[] | undefined;
  readonly isWebPortWanted: boolean;
  /** `holders`: it is removed when its last holder leaves. `kept`: it outlives its holders. */
  readonly lifetime: "holders" | "kept";
  readonly bindAddress?: string | undefined;
  readonly timeoutMs: number;
};

/** Where to start it, and where to report progress. */
export type IrisStart = {
  readonly host: DockerCommandHost;
  readonly lease: Lease;
  readonly reach: Reach;
  readonly advice: Advice;
  readonly signal?: AbortSignal | undefined;
  readonly narrate: (line: string) => void;
  /** Shows lines of the container's log for as long as `work` takes. */
  readonly showLog: (title: string, work: (onLine: (line: string) => void) => Promise<void>) => Promise<void>;
};

/** An IRIS that is ready, and the host at which its port answers. */
export type ReadyIris = { readonly id: string; readonly host: string };

/** Also the assignment, with the name that its container has: one that was joined may have been renamed. */
export type StartedIris = StartedProject<ReadyIris> & { readonly assignment: PortAssignment };

/**
 * Creates or joins the project's IRIS through the docker command. Resolves once IRIS accepts a session and its port answers
 * from here. A failure leaves neither a container nor the lease behind.
 * @throws ContainerStartError, ContainerMismatchError, PortConflictError, PortExhaustedError, and what the engine refuses
 */
export async function startIris(request: IrisRequest, start: IrisStart): Promise<StartedIris> {
  const { signal, lease } = start;
  try {
    const started = await startOrJoin(request, start);
    const { assignment } = lease;
    return {
      ...started,
      assignment: { ...assignment, containerName: started.joined?.name ?? assignment.containerName },
    };
  } catch (error) {
    signal?.throwIfAborted();
    throw await typedStartError(error, lease.registry.engine, request.image);
  }
}

function startOrJoin(request: IrisRequest, start: IrisStart): Promise<StartedProject<ReadyIris>> {
  const { host, lease, reach, advice, signal, narrate } = start;
  const { image, containerPort, isWebPortWanted, timeoutMs } = request;
  const deadline = performance.now() + timeoutMs;
  const limits = () => ({ timeoutMs: Math.max(1, deadline - performance.now()), signal });
  const addresses = bindAddresses(reach, request.bindAddress);
  const parts = irisParts(request);

  const ready = async (id: string, published: readonly string[]): Promise<ReadyIris> => {
    await start.showLog(`Log of ${lease.assignment.containerName}`, (onLine) =>
      waitForIris(host, id, { ...limits(), timeoutMs, setup: request.setup, advice, onLine }),
    );
    const port = { containerPort, hostPort: lease.assignment.port };
    const answering = await awaitAnswer(host, id, port, { ...limits(), hosts: hostsOf(reach, published) });
    return { id, host: answering };
  };
  const wanted = { image: request.isAnyImageFine ? undefined : image, containerPort, isWebPortWanted, parts, advice };
  return new ProjectStart<ReadyIris>(
    { host, lease, wanted, timeoutMs, signal, narrate },
    {
      create: async () => {
        const recipe = await recipeOf(request, lease, addresses, parts);
        narrate(shownCreate(recipe));
        const id = await host.create(recipe, limits());
        await host.copyFiles(id, configurationFiles(request), limits());
        await host.start(id, limits());
        const isReady = await ready(id, addresses);
        await runInitScripts(host, id, { signal, request, advice, showLog: start.showLog, name: recipe.name });
        return isReady;
      },
      join: ({ id, bindings }) => ready(id, publishedAddresses(bindings[tcpKey(containerPort)])),
      diagnose: (log) => advised(diagnoseLog(log), advice),
    },
  ).run();
}

/** The same parts as for an equal container of the library, so that tests of the library join it. */
function irisParts(request: IrisRequest): readonly Part[] {
  const { setup, containerOptions = [] } = request;
  const { username = DEFAULT_IRIS_USERNAME, password = DEFAULT_IRIS_PASSWORD } = setup;
  return [
    ...environmentParts(environmentOf(request)),
    loginPart(username, password),
    ...configurationFiles(request).flatMap(({ path, content }) => configurationPart(path, () => content) ?? []),
    ...(containerOptions.length > 0 ? [{ name: "container options", value: containerOptions }] : []),
  ];
}

function environmentOf({ environment, cpfMerge }: IrisRequest): Readonly<Record<string, string>> {
  return cpfMerge === undefined ? environment : { ...environment, [IRIS_CPF_MERGE_VARIABLE]: IRIS_CPF_MERGE_PATH };
}

function configurationFiles({ licenseKey, cpfMerge }: IrisRequest): readonly ContainerFile[] {
  return [
    { path: IRIS_LICENSE_KEY_PATH, content: licenseKey },
    { path: IRIS_CPF_MERGE_PATH, content: cpfMerge },
  ].filter((file): file is ContainerFile => file.content !== undefined);
}

async function recipeOf(
  request: IrisRequest,
  lease: Lease,
  addresses: readonly string[],
  parts: readonly Part[],
): Promise<ContainerRecipe> {
  const { image, containerPort, lifetime, containerOptions = [], optionalOptions = [] } = request;
  const { containerName, port, webPort } = lease.assignment;
  const mark = await fingerprint(parts);
  const web = webPort === undefined ? [] : [{ containerPort: IRIS_WEB_PORT, hostPort: webPort }];
  return {
    image,
    name: containerName,
    labels: { ...lease.labels(lifetime), ...(mark === undefined ? {} : { [LABEL_FINGERPRINT]: mark }) },
    publications: [{ containerPort, hostPort: port }, ...web],
    addresses,
    environment: environmentOf(request),
    options: [...containerOptions, ...optionalOptions],
  };
}
