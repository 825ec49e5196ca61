import {
  DEFAULT_IRIS_NAMESPACE,
  DEFAULT_IRIS_USERNAME,
  IRIS_DATA_DIRECTORY,
  IRIS_DATA_DIRECTORY_VARIABLE,
  IRIS_DURABLE_MOUNT,
} from "../../iris/image.ts";
import { IRIS_SUPERSERVER_PORT, IRIS_WEB_PORT } from "../../iris/ports.ts";
import { ensureImage } from "../../lifecycle/ensure-image.ts";
import { isSureToStay } from "../../lifecycle/find-container.ts";
import { Lease } from "../../lifecycle/lease.ts";
import { bindAddresses, type Reach } from "../../lifecycle/reach.ts";
import { type ReadyIris, startIris } from "../../lifecycle/start-iris.ts";
import type { PortAssignment } from "../../registry/assignment.ts";
import { uniqueProcessHolder } from "../../registry/holder.ts";
import { identifyProject } from "../../registry/project.ts";
import { assignmentJson } from "../../report/assignment-json.ts";
import { commandText, projectWords } from "../../settings/command-text.ts";
import { plainJson, plainText } from "../../text/plain-text.ts";
import { addressesOf } from "../connection.ts";
import { exitCodeOfSignal } from "../exit-codes.ts";
import { fieldsText } from "../fields.ts";
import { requestOptions, webPortRefusal } from "../holder-options.ts";
import { requireProject } from "../project-directory.ts";
import { standardError, standardOutput } from "../terminal.ts";
import { refuseBesideCompose, withComposeAdvice } from "./beside-compose.ts";
import { cliAdvice } from "./cli-advice.ts";
import { interruption } from "./interruption.ts";
import { portalOf } from "./open.ts";
import { isMadeForProject, type OpenIris, openIris, reachOfEngine } from "./open-iris.ts";
import { Progress } from "./progress.ts";
import { upHolder } from "./up-holder.ts";
import { readUpOptions, type UpOptions, type UpRequest } from "./up-options.ts";

/**
 * `iris-ports up [image]`: starts or joins the project's IRIS, waits until it is ready, and keeps it until `down`. Returns
 * the exit code. Whatever fails, and Ctrl-C, leaves neither a container nor a port behind.
 */
export async function up(image: string | undefined, options: UpOptions): Promise<number> {
  const port = requestOptions(options);
  const request = await readUpOptions(image, options);
  const open = openIris(options);
  const { projectPath, instance } = await requireProject(open.registry, options.project, options.instance);
  using interrupted = interruption();
  using progress = new Progress();
  try {
    const { assignment, iris } = await start(
      open,
      request,
      { port, isWebPortWanted: options.webPort ?? false, projectPath, instance },
      progress,
      interrupted.signal,
    );
    progress[Symbol.dispose]();
    await report(open, request, assignment, iris, options);
    return 0;
  } catch (error) {
    if (interrupted.signalNumber === undefined) throw await withComposeAdvice(error, open, { projectPath, instance });
    progress.narrate("Interrupted. Nothing was left behind.");
    return exitCodeOfSignal(interrupted.signalNumber);
  }
}

type Target = {
  readonly port: ReturnType<typeof requestOptions>;
  readonly isWebPortWanted: boolean;
  readonly projectPath: string;
  readonly instance: string | undefined;
};

async function start(
  open: OpenIris,
  request: UpRequest,
  target: Target,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ assignment: PortAssignment; iris: ReadyIris }> {
  const { registry, engine } = open;
  const { host } = engine;
  await refuseBesideCompose(open, target);
  if (!(await isImageSuperfluous(open, request, target)))
    await ensureImage(host, {
      image: request.image,
      pull: request.pull,
      advice: cliAdvice(),
      signal,
      runPull: (name) => {
        progress.narrate(`Pulling ${name}`);
        return host.pull(name, { signal, onLine: progress.show });
      },
    });
  const lease = await beginLease(open, target, signal);
  const reach = await reachOfEngine(engine);
  const { use, assignment } = await startIris(
    {
      image: request.image,
      isAnyImageFine: !request.isImageNamed,
      containerPort: IRIS_SUPERSERVER_PORT,
      environment: { ...request.environment, ...dataEnvironment(request) },
      containerOptions: [...dataOptions(request), ...request.containerOptions],
      optionalOptions: webOptions(lease, reach),
      licenseKey: request.licenseKey,
      cpfMerge: request.cpfMerge,
      setup: request.setup,
      isWebPortWanted: target.isWebPortWanted,
      lifetime: "kept",
      timeoutMs: request.timeoutMs,
    },
    {
      host,
      lease,
      reach,
      advice: cliAdvice(),
      signal,
      narrate: progress.show,
      showLog: async (title, work) => {
        progress.show(title);
        await work(progress.show);
      },
    },
  );
  // From here on the container stays, even if this process is killed.
  const holder = await upHolder(target.projectPath);
  await registry.acquire(target.projectPath, { instance: target.instance, holder });
  await lease.beginLeave(true);
  await lease.release();
  return { assignment, iris: use };
}

/**
 * True if no image must be pulled, because the project has a container. If no image was named, that container is used with
 * any image; otherwise, if it runs, it is joined, or refused because of its image. If its port was released or cleared, the
 * start assigns the port again.
 */
async function isImageSuperfluous(
  { registry, engine }: OpenIris,
  { isImageNamed, pull }: UpRequest,
  { projectPath, instance }: Target,
): Promise<boolean> {
  if (isImageNamed && pull === "always") return false;
  const identity = identifyProject(projectPath, instance);
  const container = (await engine.listContainers()).find((one) => isMadeForProject(one, registry, identity));
  if (container === undefined) return false;
  return !isImageNamed || isSureToStay(container, registry.registryPath, identity);
}

function dataEnvironment({ dataDirectory }: UpRequest): Readonly<Record<string, string>> {
  return dataDirectory === undefined ? {} : { [IRIS_DATA_DIRECTORY_VARIABLE]: IRIS_DATA_DIRECTORY };
}

function dataOptions({ dataDirectory }: UpRequest): readonly string[] {
  return dataDirectory === undefined ? [] : [`--volume=${dataDirectory}:${IRIS_DURABLE_MOUNT}`];
}

/** Without a registry port of its own, the web server gets a random one, as in the library. */
function webOptions({ assignment }: Lease, reach: Reach): readonly string[] {
  if (assignment.webPort !== undefined) return [];
  const [address = ""] = bindAddresses(reach, undefined);
  return [`--publish=${address === "" ? "" : `${address}::`}${IRIS_WEB_PORT}`];
}

/** Also takes a web port if the range permits one and it is free; fails without one only if it was demanded. */
async function beginLease({ registry }: OpenIris, target: Target, signal: AbortSignal): Promise<Lease> {
  const holder = await uniqueProcessHolder({ usesContainer: true, description: "iris-ports up" });
  const wanted = {
    ...target.port,
    project: target.projectPath,
    instance: target.instance,
    holder,
    hasWebPort: true,
    onWait: (state: { readonly position: number }) => {
      // Throwing ends the wait and gives up the place in the queue.
      signal.throwIfAborted();
      target.port.onWait?.(state);
    },
  };
  try {
    return await Lease.begin(registry, wanted);
  } catch (error) {
    if (target.isWebPortWanted || webPortRefusal(error, wanted.preferredPort) === undefined) throw error;
    return Lease.begin(registry, { ...wanted, hasWebPort: false });
  }
}

async function report(
  open: OpenIris,
  { setup }: UpRequest,
  assignment: PortAssignment,
  iris: ReadyIris,
  { json }: UpOptions,
): Promise<void> {
  const { namespace = DEFAULT_IRIS_NAMESPACE, username = DEFAULT_IRIS_USERNAME } = setup;
  const login = { host: iris.host, namespace, username };
  const { webPort: _, ...withoutWebPort } = assignment;
  const { uri, jdbcUrl } = addressesOf(withoutWebPort, login);
  const portalUrl = await portalOf(open, iris.id);
  const { containerName, projectKey, projectPath, instance } = assignment;
  const terminal = standardOutput();
  if (json) {
    terminal.write(`${plainJson({ ...assignmentJson(assignment), uri, jdbcUrl, portalUrl })}\n`);
    return;
  }
  const down = commandText(["down", ...projectWords(projectPath, instance)], open.registry.registryPath);
  standardError().write(`IRIS is ready. To stop it: ${plainText(down)}\n`);
  const fields = [
    // The environment may name another project than the working directory.
    ["Project", projectKey],
    ["URI", uri],
    ["JDBC", jdbcUrl],
    ["Portal", portalUrl],
    ["Container", containerName],
  ] as const;
  terminal.write(fieldsText(fields, terminal));
}
