import fs from "node:fs";
import { join } from "node:path";
import { getContainerRuntimeClient } from "testcontainers";
import { expect, onTestFinished } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { IrisRegistryContainer, LABEL_REGISTRY, PortRegistry, type PortRegistryOptions } from "../../src/index.ts";
import { docker, removeLabelled } from "./engine.ts";
import { freePorts } from "./free-ports.ts";
import { Program } from "./processes.ts";
import { temporaryDirectory } from "./registry.ts";

/** Tests that set the stand-in's switches, or ask it who it is, run on the stand-in only. */
export const isStandin = !process.env.IRIS_IMAGE;

/** Real IRIS if `IRIS_IMAGE` names an image, else the stand-in. */
export async function irisImage(): Promise<string> {
  return process.env.IRIS_IMAGE || (await ensureStandin());
}

/** Where Testcontainers expects published ports: localhost, or the bridge of an engine inside this very container. */
export async function testcontainersHost(): Promise<string> {
  const { host } = (await getContainerRuntimeClient()).info.containerRuntime;
  return host === "localhost" ? "127.0.0.1" : host;
}

/** What `docker port` prints of a port that is published where only this machine reaches it. */
export async function privateBindings(port: number): Promise<readonly string[]> {
  return [...new Set(["127.0.0.1", await testcontainersHost()])].map((host) => `${host}:${port}`);
}

/** What the program `start-container.ts` is told. */
export type ChildStart = {
  readonly image: string;
  readonly registryPath: string;
  readonly portRange: readonly [number, number];
  readonly project: string;
  readonly isProjectFromEnvironment?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  readonly isReused?: boolean;
  readonly startupTimeoutMs?: number;
  /** Follows the log from so many lines on. */
  readonly logTail?: number;
  /** Ends, without `stop()`, as soon as the container is started. */
  readonly isLeftRunning?: boolean;
};

/** What `start-container.ts` prints. */
export type ChildReport = { readonly id: string; readonly port: number; readonly error?: string };

/** A registry, ports, projects and containers of one test's own; nothing of it is left when the test is over. */
export class ContainerBench {
  readonly image: string;
  readonly range: readonly [number, number];
  readonly directory = temporaryDirectory();
  readonly registryPath = join(this.directory, "port-registry.json");

  private constructor(image: string, range: readonly [number, number]) {
    this.image = image;
    this.range = range;
  }

  static async create(ports: number | readonly [number, number] = 4): Promise<ContainerBench> {
    const range = typeof ports === "number" ? await freePorts(ports) : ports;
    const bench = new ContainerBench(await irisImage(), range);
    // Registered last and so run first: while the containers are removed the registry's directory is still there.
    onTestFinished(() => removeLabelled(`${LABEL_REGISTRY}=${bench.registryPath}`));
    return bench;
  }

  /** One registry object of many on the same document, as each process has its own. */
  registry(options: PortRegistryOptions = {}): PortRegistry {
    return new PortRegistry({
      registryPath: this.registryPath,
      portRange: this.range,
      isDurable: false,
      ...options,
    });
  }

  /** A project's directory, which exists. */
  project(name = "shop"): string {
    const path = join(this.directory, "projects", name);
    fs.mkdirSync(path, { recursive: true });
    return path;
  }

  /** An IRIS of this bench; `identity` is what the stand-in answers with. */
  iris(project = this.project(), identity?: string): IrisRegistryContainer {
    const container = new IrisRegistryContainer(this.image).withRegistry(this.registry()).withProject(project);
    return identity === undefined || !isStandin
      ? container
      : container.withEnvironment({ IRIS_STANDIN_IDENTITY: identity });
  }

  /** A start in a process of its own. */
  child(start: Partial<ChildStart> = {}, env: Record<string, string> = {}): ChildContainer {
    const { image, registryPath, range } = this;
    return new ChildContainer({ image, registryPath, portRange: range, project: this.project(), ...start }, env);
  }

  /** The names of the containers that this registry's assignments have, running or not. */
  async containers(): Promise<readonly string[]> {
    const filter = `label=${LABEL_REGISTRY}=${this.registryPath}`;
    const names = await docker("ps", "--all", "--filter", filter, "--format", "{{.Names}}");
    return names.split("\n").filter(Boolean).sort();
  }

  /** Neither a container nor an assignment is left. */
  async expectNothingLeft(): Promise<void> {
    expect(await this.containers()).toEqual([]);
    expect(await this.registry().listAll()).toEqual([]);
  }
}

/** A process that starts a container, and holds it until it is told to stop, or killed. */
export class ChildContainer {
  readonly program: Program;

  constructor(start: ChildStart, env: Record<string, string>) {
    this.program = Program.node("start-container.ts", [JSON.stringify(start)], env);
  }

  /** The result of its start. */
  async started(): Promise<ChildReport> {
    const line = await this.program.nextLine();
    if (line === undefined) throw new Error(`the child ended: ${(await this.program.ended()).stderr}`);
    return JSON.parse(line) as ChildReport;
  }

  /** Lets it call `stop()` and end by itself. */
  async stop(): Promise<void> {
    this.program.signal("SIGUSR2");
    await this.program.output();
  }

  /** Ends it by a signal, and waits until the process is gone. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    this.program.signal(signal);
    await this.program.ended();
  }
}

/** A process of its own that starts a container on the engine at that address. */
export function startChild(bench: ContainerBench, dockerHost: string, more: Partial<ChildStart>): Program {
  const { image, registryPath, range } = bench;
  const start = { image, registryPath, portRange: range, project: bench.project(), ...more };
  const env = { DOCKER_HOST: dockerHost, TESTCONTAINERS_RYUK_DISABLED: "true" };
  return Program.node("start-container.ts", [JSON.stringify(start)], env);
}
