import type { ContainerEngine } from "../ports/engine.ts";
import { RegistryCore, type RegistryOptions } from "../ports/registry.ts";
import { DockerodeEngine } from "./dockerode-engine.ts";

/** What a registry can be told; everything has a default. */
export type PortRegistryOptions = Omit<RegistryOptions, "engine"> & {
  /** `false`: no engine is ever asked. @default the engine that Testcontainers uses */
  readonly engine?: ContainerEngine | false;
};

/** The ports of this machine and who holds them, asking the container engine what it publishes. */
export class PortRegistry extends RegistryCore {
  constructor(options: PortRegistryOptions = {}) {
    const { engine = new DockerodeEngine(), ...rest } = options;
    super(engine === false ? rest : { ...rest, engine });
  }
}
