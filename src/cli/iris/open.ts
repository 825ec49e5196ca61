import { spawn } from "node:child_process";
import { once } from "node:events";
import { tcpKey } from "../../docker/inspected-container.ts";
import { InvalidArgumentError } from "../../errors/errors.ts";
import { IRIS_WEB_PORT } from "../../iris/ports.ts";
import { hostsOf } from "../../lifecycle/reach.ts";
import { portalUrl } from "../connection.ts";
import { standardError, standardOutput } from "../terminal.ts";
import { type IrisOptions, type OpenIris, openIris, reachOfEngine } from "./open-iris.ts";
import { requireRunning, upCommand } from "./require-running.ts";

/**
 * `iris-ports open`: opens the Management Portal of the project's IRIS in the browser, or prints its address.
 * @throws InvalidArgumentError where its web server has no host port
 * @throws ContainerStartError where it does not run
 */
export async function open(project: string | undefined, options: IrisOptions & { print?: boolean }): Promise<void> {
  const opened = openIris(options);
  const { assignment, container } = await requireRunning(opened, {
    ...options,
    project,
  });
  const url = await portalOf(opened, container.id);
  if (url === undefined) {
    const { projectKey, projectPath, instance } = assignment;
    throw new InvalidArgumentError({
      what: `The web server of ${projectKey}'s IRIS has no port on the host.`,
      state: `Its container ${container.name} does not publish ${IRIS_WEB_PORT}.`,
      remedy: `stop it, and start it with a web port: ${upCommand(projectPath, instance, opened.registry.registryPath)} --web-port`,
      argument: "project",
      value: projectPath,
    });
  }
  standardOutput().write(`${url}\n`);
  if (options.print || (await isOpened(url))) return;
  standardError().write("iris-ports: no browser could be started; open the address above yourself.\n");
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
  child.unref();
  return once(child, "spawn").then(
    () => true,
    () => false,
  );
}

const OPENERS: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};
