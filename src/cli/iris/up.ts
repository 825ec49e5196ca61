import { IRIS_DATA_DIRECTORY_VARIABLE } from "../../iris/image.ts";
import { IRIS_SUPERSERVER_PORT, IRIS_WEB_PORT } from "../../iris/ports.ts";
import type { Advice } from "../../lifecycle/advice.ts";
import { ensureImage } from "../../lifecycle/ensure-image.ts";
import { findProjectContainer } from "../../lifecycle/find-container.ts";
import { Lease } from "../../lifecycle/lease.ts";
import { bindAddresses, type Reach } from "../../lifecycle/reach.ts";
import { type ReadyIris, startIris } from "../../lifecycle/start-iris.ts";
import type { PortAssignment } from "../../registry/assignment.ts";
import { uniqueProcessHolder } from "../../registry/holder.ts";
import { plainJson } from "../../text/plain-text.ts";
import { addressesOf } from "../connection.ts";
import { exitCodeOfSignal } from "../exit-codes.ts";
import { fieldsText } from "../fields.ts";
import { requestOptions, webPortRefusal } from "../holder-options.ts";
import { requireProject } from "../project-directory.ts";
import { standardError, standardOutput } from "../terminal.ts";
import { interruption } from "./interruption.ts";
import { portalOf } from "./open.ts";
import { type OpenIris, openIris, reachOfEngine } from "./open-iris.ts";
import { Progress } from "./progress.ts";
import { upHolder } from "./up-holder.ts";
import { readUpOptions, type UpOptions, type UpRequest } from "./up-options.ts";

/** For users of the command line: the names of its options. */
const CLI_ADVICE: Advice = {
  instance: "--instance <name>",
  moreTime: "--start-timeout <duration>",
  login: "--username, --password-file or --namespace",
  pull: "leave --pull out",
  webPort: "--web-port",
  initScripts: "the script on the standard input of `iris-ports session`",
};

/** Where the directory of `--data` is inside the container, as with the library's `withDurableData()`. */
const DATA_MOUNT = "/durable";

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
    if (interrupted.signalNumber === undefined) throw error;
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
  if (request.isImageNamed || !(await isThere(open, target)))
    await ensureImage(host, {
      image: request.image,
      pull: request.pull,
      advice: CLI_ADVICE,
      signal,
      runPull: (name) => {
        progress.narrate(`Pulling ${name}`);
        return host.pull(name, { signal, onLine: progress.show });
      },
    });
  const lease = await beginLease(open, target);
  const reach = await reachOfEngine(engine);
  const { use, assignment } = await startIris(
    {
      image: request.image,
      isAnyImageFine: !request.isImageNamed,
      containerPort: IRIS_SUPERSERVER_PORT,
      environment: { ...request.environment, ...dataEnvironment(request) },
      containerOptions: [...dataOptions(request), ...webOptions(lease, reach)],
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
      advice: CLI_ADVICE,
      signal,
      narrate: progress.show,
      showLog: async (title, work) => {
        progress.show(title);
        await work(progress.show);
      },
    },
  );
  // From here on the container stays, whatever becomes of this process.
  const holder = await upHolder(target.projectPath);
  await registry.acquire(target.projectPath, { instance: target.instance, holder });
  await lease.beginLeave(true);
  await lease.release();
  return { assignment, iris: use };
}

/** Without an image named, the project's container will do, whatever it was made of. */
async function isThere({ registry, engine }: OpenIris, { projectPath, instance }: Target): Promise<boolean> {
  const assignment = await registry.getAssignment(projectPath, { instance });
  return (
    assignment !== undefined &&
    (await findProjectContainer(engine.host, registry.registryPath, assignment)) !== undefined
  );
}

function dataEnvironment({ dataDirectory }: UpRequest): Readonly<Record<string, string>> {
  return dataDirectory === undefined ? {} : { [IRIS_DATA_DIRECTORY_VARIABLE]: `${DATA_MOUNT}/iris` };
}

function dataOptions({ dataDirectory }: UpRequest): readonly string[] {
  return dataDirectory === undefined ? [] : [`--volume=${dataDirectory}:${DATA_MOUNT}`];
}

/** Without a registry port of its own, the web server gets a random one, as in the library. */
function webOptions({ assignment }: Lease, reach: Reach): readonly string[] {
  if (assignment.webPort !== undefined) return [];
  const [address = ""] = bindAddresses(reach, undefined);
  return [`--publish=${address === "" ? "" : `${address}::`}${IRIS_WEB_PORT}`];
}

/** With a web port where the range has one and it is free, unless it was asked for. */
async function beginLease({ registry }: OpenIris, target: Target): Promise<Lease> {
  const holder = await uniqueProcessHolder({ usesContainer: true, description: "iris-ports up" });
  const wanted = {
    ...target.port,
    project: target.projectPath,
    instance: target.instance,
    holder,
    hasWebPort: true,
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
  const login = { host: iris.host, namespace: setup.namespace ?? "USER", username: setup.username ?? "_SYSTEM" };
  const { webPort: _, ...withoutWebPort } = assignment;
  const { uri, jdbcUrl } = addressesOf(withoutWebPort, login);
  const portalUrl = await portalOf(open, iris.id);
  const { containerName, port, projectKey } = assignment;
  const terminal = standardOutput();
  if (json) {
    const facts = { projectKey, port, containerName, uri, jdbcUrl, portalUrl };
    terminal.write(`${plainJson(facts)}\n`);
    return;
  }
  standardError().write("IRIS is ready. It runs until `iris-ports down`.\n");
  const fields = [
    ["URI", uri],
    ["JDBC", jdbcUrl],
    ["Portal", portalUrl],
    ["Container", containerName],
  ] as const;
  terminal.write(fieldsText(fields, terminal));
}
