import { once } from "node:events";
import type net from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { DockerodeEngine, PortRegistry, type PortRegistryOptions } from "../../src/index.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

/** The engine has 2 s to answer; the rest is for a machine that is busy. */
export const PATIENCE_MS = 3_500;

/** A document and ports, for engines of any kind. */
export class EngineBench {
  readonly registryPath = join(temporaryDirectory(), "port-registry.json");
  readonly range: readonly [number, number];

  constructor(range: readonly [number, number]) {
    this.range = range;
  }

  static async create(ports = 5): Promise<EngineBench> {
    return new EngineBench(await freePorts(ports));
  }

  registry(dockerHost: string, options: PortRegistryOptions = {}): PortRegistry {
    const { registryPath, range: portRange } = this;
    return new PortRegistry({ registryPath, portRange, engine: new DockerodeEngine({ dockerHost }), ...options });
  }
}

/** Lets a server listen on a socket of its own until the test ends, and tells how to reach it. */
export async function listening(server: net.Server, onEnd: () => void = () => undefined): Promise<string> {
  const path = join(temporaryDirectory(), "docker.sock");
  server.listen(path);
  await once(server, "listening");
  onTestFinished(() => {
    onEnd();
    server.close();
  });
  return `unix://${path}`;
}
