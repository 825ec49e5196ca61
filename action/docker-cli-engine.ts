import { setTimeout as delay } from "node:timers/promises";
import type { ContainerEngine, EngineContainer } from "../src/docker/engine.ts";
import { type EngineAddress, resolveEngineAddress } from "../src/docker/engine-address.ts";
import { engineTimeoutError } from "../src/docker/engine-error.ts";
import { boundPorts, type PortBindings } from "../src/docker/published-ports.ts";
import { ContainerEngineError } from "../src/errors/errors.ts";
import { DockerCli, type DockerResult } from "./docker-cli.ts";

const LIST_TIMEOUT_MS = 2_000;
const REMOVE_TIMEOUT_MS = 30_000;
/** A command line of Windows takes 32,767 characters. */
const INSPECTED_AT_ONCE = 200;

/** As far as `docker inspect` is relied upon. */
type Inspected = {
  readonly Id: string;
  readonly Name: string;
  readonly State: { readonly Status: string };
  readonly Config: { readonly Image: string; readonly Labels?: Readonly<Record<string, string>> | null };
  readonly HostConfig: { readonly PortBindings?: PortBindings | null };
  readonly NetworkSettings?: { readonly Ports?: PortBindings | null };
};

/** The container engine asked through the docker command line: dockerode cannot be bundled into an action. */
export class DockerCliEngine implements ContainerEngine {
  readonly #isHostShared: boolean;
  readonly #given: EngineAddress | undefined;
  #cli: DockerCli | undefined;
  #id: string | undefined;

  /**
   * `isHostShared`: the ports that the engine publishes open where this process runs, not outside its container.
   * `address`: the engine, where it is known already; later steps may have changed the environment.
   */
  constructor(options: { readonly isHostShared: boolean; readonly address?: EngineAddress | undefined }) {
    this.#isHostShared = options.isHostShared;
    this.#given = options.address;
  }

  /** How the engine is reached; undefined if what is configured names no engine. */
  get knownAddress(): EngineAddress | undefined {
    return this.#address();
  }

  /** @throws ContainerEngineError when what is configured names no engine */
  get cli(): DockerCli {
    this.#cli ??= new DockerCli(this.#given);
    return this.#cli;
  }

  get endpoint(): string {
    return this.#address()?.endpoint ?? "unknown";
  }

  get isLocal(): boolean {
    return this.#isHostShared && (this.#address()?.isLocal ?? true);
  }

  /** The host on which published ports open, where that is another one. */
  get remoteHost(): string | undefined {
    const address = this.#address();
    return address?.isLocal === false ? (address.tcp ?? address.ssh)?.host : undefined;
  }

  async identify(): Promise<string> {
    this.#id ??= await this.#readId();
    return this.#id;
  }

  async startedAt(id: string): Promise<string | undefined> {
    const format = "{{if .State.Running}}{{.State.StartedAt}}{{end}}";
    const inspected = await this.cli.ask(["inspect", "--type", "container", "--format", format, id], LIST_TIMEOUT_MS);
    if (inspected.exitCode === 0) return inspected.stdout.trim() || undefined;
    if (isMissing(inspected)) return undefined;
    throw this.cli.refusal(inspected);
  }

  async listContainers(): Promise<readonly EngineContainer[]> {
    const deadline = performance.now() + LIST_TIMEOUT_MS;
    const ask = async (args: readonly string[]) => {
      const leftMs = Math.ceil(deadline - performance.now());
      if (leftMs <= 0) throw engineTimeoutError(this.endpoint, LIST_TIMEOUT_MS);
      return this.cli.ask(args, leftMs);
    };
    const listed = await ask(["ps", "--all", "--quiet", "--no-trunc"]);
    if (listed.exitCode !== 0) throw this.cli.refusal(listed);
    const ids = listed.stdout.split(/\s+/).filter((id) => /^[\w.-]+$/.test(id));
    const containers: EngineContainer[] = [];
    for (let index = 0; index < ids.length; index += INSPECTED_AT_ONCE) {
      const batch = ids.slice(index, index + INSPECTED_AT_ONCE);
      containers.push(...this.#read(await ask(["inspect", "--type", "container", ...batch])));
    }
    return containers;
  }

  async removeContainer(id: string): Promise<void> {
    const removed = await this.cli.ask(["rm", "--force", "--volumes", id], REMOVE_TIMEOUT_MS);
    if (removed.exitCode === 0 || isMissing(removed)) return;
    if (!/already in progress/.test(removed.stderr)) throw this.cli.refusal(removed);
    const deadline = performance.now() + REMOVE_TIMEOUT_MS;
    while (!isMissing(await this.cli.ask(["inspect", "--type", "container", id], REMOVE_TIMEOUT_MS))) {
      if (performance.now() > deadline) throw engineTimeoutError(this.endpoint, REMOVE_TIMEOUT_MS);
      await delay(50);
    }
  }

  /** The containers that are still there: one that vanished after it was listed is no failure. */
  #read(inspected: DockerResult): EngineContainer[] {
    if (inspected.exitCode !== 0 && !isMissing(inspected)) throw this.cli.refusal(inspected);
    try {
      return (JSON.parse(inspected.stdout) as readonly Inspected[]).map(describe);
    } catch (cause) {
      throw new ContainerEngineError({
        what: `The docker command did not describe the containers of ${this.endpoint} as Docker does.`,
        remedy: "check with `docker inspect <container>` which program `docker` is",
        cause,
      });
    }
  }

  /** Podman's `docker` has no such field: there the address has to do. */
  async #readId(): Promise<string> {
    const answer = await this.cli.ask(["info", "--format", "{{.ID}}"], LIST_TIMEOUT_MS);
    const id = answer.stdout.trim();
    return answer.exitCode === 0 && id !== "" ? id : this.endpoint;
  }

  #address() {
    if (this.#cli !== undefined) return this.#cli.address;
    if (this.#given !== undefined) return this.#given;
    try {
      return resolveEngineAddress();
    } catch (error) {
      // Asking the engine throws it; a name alone decides nothing.
      if (error instanceof ContainerEngineError) return undefined;
      throw error;
    }
  }
}

function describe(container: Inspected): EngineContainer {
  const state = container.State.Status;
  // One that does not run publishes nothing now, but takes its ports back when it is started.
  const isPublishing = state === "running" || state === "paused";
  return {
    id: container.Id,
    name: container.Name.replace(/^\//, ""),
    image: container.Config.Image,
    state,
    labels: container.Config.Labels ?? {},
    hostPorts: boundPorts(isPublishing ? container.NetworkSettings?.Ports : container.HostConfig.PortBindings),
  };
}

function isMissing({ exitCode, stderr }: DockerResult): boolean {
  const errors = stderr.split("\n").filter((line) => /error/i.test(line));
  return exitCode !== 0 && errors.length > 0 && errors.every((line) => /no such (container|object)/i.test(line));
}
