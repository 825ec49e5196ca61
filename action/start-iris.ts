import { setTimeout as delay } from "node:timers/promises";
import { isNameTaken, isPortRefused } from "../src/docker/engine-refusal.ts";
import { IRIS_WEB_PORT } from "../src/iris/ports.ts";
import type { Acquisition } from "../src/ports/acquire.ts";
import { entryOf } from "../src/ports/edit-document.ts";
import type { EngineContainer } from "../src/ports/engine.ts";
import { ContainerMismatchError } from "../src/ports/errors.ts";
import type { JobHolder } from "../src/ports/holder.ts";
import { decideStart } from "../src/ports/start-decision.ts";
import { containerLabels } from "./container-labels.ts";
import type { IrisInputs } from "./inputs.ts";
import { say } from "./log.ts";
import type { OpenRegistry } from "./open-registry.ts";

const POLL_MS = 100;

/** What is started, for whom, and where. */
export type IrisStart = OpenRegistry & {
  readonly iris: IrisInputs;
  readonly holder: JobHolder;
  readonly hasWebPort: boolean;
  /** Undefined: every address of the engine's host. */
  readonly bindAddress: string | undefined;
};

/** A container that runs, though nobody knows yet whether IRIS in it lets anybody in. */
export type RunningIris = { readonly acquisition: Acquisition; readonly containerId: string };

/**
 * Runs the image on the assigned port; where the engine refuses that port, on the next.
 * @throws PortConflictError when the engine refuses a port that was asked for by number
 * @throws ContainerEngineError, ContainerMismatchError, PortExhaustedError
 */
export async function runIris(first: Acquisition, start: IrisStart): Promise<RunningIris> {
  const { engine, registry, holder, hasWebPort } = start;
  const refusedPorts: number[] = [];
  for (let acquisition = first; ; ) {
    const containerId = await createOrJoin(acquisition, start);
    const { port, webPort, projectPath, instance, containerName } = acquisition.assignment;
    if (containerId === undefined) {
      say(`A container with the name ${containerName} is there that this registry did not make; taking another port.`);
    } else {
      const started = await engine.cli.run(["start", containerId]);
      if (started.exitCode === 0) return { acquisition, containerId };
      await engine.removeContainer(containerId);
      const ports = webPort === undefined ? [port] : [port, webPort];
      if (!isPortRefused(new Error(started.stderr), ports)) throw engine.cli.refusal(started);
      say(`The engine refuses port ${port}, so something outside the registry has it: ${started.stderr.trim()}`);
    }
    refusedPorts.push(port);
    const named = instance === undefined ? {} : { instance };
    acquisition = await registry.reassign(projectPath, { ...named, holder, hasWebPort, refusedPorts });
  }
}

/** The container's name is the mutex: the engine lets only one have it. */
async function createOrJoin(acquisition: Acquisition, start: IrisStart): Promise<string | undefined> {
  const { engine, store, registry, iris, holder } = start;
  const { assignment, tenure } = acquisition;
  const args = await createArguments(acquisition, start);
  for (;;) {
    say(`docker ${args.join(" ")}`);
    const created = await engine.cli.run(args, { env: iris.containerEnv });
    if (created.exitCode === 0) return created.stdout.trim();
    if (!isNameTaken(new Error(created.stderr))) throw engine.cli.refusal(created);
    const found = (await engine.listContainers()).find(({ name }) => name === assignment.containerName);
    if (found === undefined) continue;
    const holders = entryOf(await store.read(), assignment.projectKey)?.holders ?? [];
    const users = holders.filter(({ id, usesContainer }) => usesContainer && id !== holder.id);
    const others = new Set(users.map(({ id }) => id));
    switch (decideStart({ assignment, tenure, registryPath: registry.registryPath, found, others })) {
      case "move":
        return undefined;
      case "join":
      case "restart":
        if (found.image === iris.image) return found.id;
        throw mismatch(found, iris.image);
      case "remove":
        say(`Removing ${found.name} (${found.state}), which an earlier use of the port left behind.`);
        await engine.removeContainer(found.id);
        continue;
      default:
        await delay(POLL_MS);
    }
  }
}

async function createArguments(acquisition: Acquisition, start: IrisStart): Promise<readonly string[]> {
  const { iris, holder, registry, bindAddress } = start;
  const { port, webPort, containerName } = acquisition.assignment;
  const labels = await containerLabels(acquisition, holder, registry.registryPath, iris);
  const address = bindAddress === undefined ? "" : `${bindAddress}:`;
  const published = [[port, iris.containerPort], ...(webPort === undefined ? [] : [[webPort, IRIS_WEB_PORT]])];
  return [
    "create",
    ...["--name", containerName],
    ...labels.flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    ...published.flatMap(([host, container]) => ["--publish", `${address}${host}:${container}`]),
    ...Object.keys(iris.containerEnv).flatMap((name) => ["--env", name]),
    iris.image,
  ];
}

function mismatch({ name, image }: EngineContainer, wanted: string): ContainerMismatchError {
  return new ContainerMismatchError({
    what: `The project's container ${name} runs ${image}, not ${wanted}.`,
    remedy: `ask for the same image, give this use an \`instance\` of its own, or remove it: docker rm --force ${name}`,
    containerName: name,
  });
}
