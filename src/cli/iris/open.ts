import { spawn } from "node:child_process";
import { once } from "node:events";
import { tcpKey } from "../../docker/inspected-container.ts";
import { InvalidArgumentError } from "../../errors/errors.ts";
import { IRIS_WEB_PORT } from "../../iris/ports.ts";
import { hostsOf } from "../../lifecycle/reach.ts";
import { LABEL_REGISTRY } from "../../registry/labels.ts";
import { commandText, projectWords } from "../../settings/command-text.ts";
import { portalUrl } from "../connection.ts";
import { EXIT_CODES } from "../exit-codes.ts";
import { standardError, standardOutput } from "../terminal.ts";
import { type IrisOptions, type OpenIris, openIris, reachOfEngine } from "./open-iris.ts";
import { requireRunning, upCommand } from "./require-running.ts";

const OPENER_TIMEOUT_MS = 3_000;

/**
 * `iris-ports open`: opens the Management Portal of the project's IRIS in the browser, and prints its address. Returns the
 * exit code: 1 if no browser could be started.
 * @throws InvalidArgumentError when its web server has no host port
 * @throws ContainerStartError when it does not run
 */
export async function open(project: string | undefined, options: IrisOptions & { print?: boolean }): Promise<number> {
  const opened = openIris(options);
  const { assignment, container } = await requireRunning(opened, {
    ...options,
    project,
  });
  const url = await portalOf(opened, container.id);
  if (url === undefined) {
    const { projectKey, projectPath, instance } = assignment;
    const { registryPath } = opened.registry;
    const isOurs = container.labels[LABEL_REGISTRY] === registryPath;
    const down = commandText(["down", ...projectWords(projectPath, instance)], registryPath);
    const up = upCommand(projectPath, instance, registryPath, ["--web-port"]);
    throw new InvalidArgumentError({
      what: `The web server of ${projectKey}'s IRIS has no port on the host.`,
      state: `Its container ${container.name} does not publish ${IRIS_WEB_PORT}.`,
      remedy: isOurs
        ? `start it again with a web port: ${down} && ${up}`
        : `publish port ${IRIS_WEB_PORT} when you start that container`,
      argument: "project",
      value: projectPath,
    });
  }
  standardOutput().write(`${url}\n`);
  if (options.print || (await isOpened(url))) return EXIT_CODES.ok;
  standardError().write("iris-ports: no browser could be started; open the address above yourself.\n");
  return EXIT_CODES.unexpected;
}

/** The Management Portal's address, by what the engine has published. */
export async function portalOf({ engine }: OpenIris, containerId: string): Promise<string | undefined> {
  const targets = (await engine.host.find(containerId))?.published[tcpKey(IRIS_WEB_PORT)] ?? [];
  const [target] = targets;
  if (target === undefined) return undefined;
  const [host = "127.0.0.1"] = hostsOf(
    await reachOfEngine(engine),
    targets.map(({ hostIp }) => hostIp),
  );
  return portalUrl(host, target.hostPort);
}

async function isOpened(url: string): Promise<boolean> {
  const [command, ...args] = OPENERS[process.platform] ?? ["xdg-open"];
  const child = spawn(command, [...args, url], { stdio: "ignore", detached: true });
  try {
    // It ends at once, except with browsers that run in its foreground.
    const [exitCode] = await once(child, "exit", { signal: AbortSignal.timeout(OPENER_TIMEOUT_MS) });
    return exitCode === 0;
  } catch (error) {
    return error instanceof Error && error.name === "AbortError";
  } finally {
    child.unref();
  }
}

const OPENERS: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};
