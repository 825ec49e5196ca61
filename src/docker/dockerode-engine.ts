import createDebug from "debug";
import type Dockerode from "dockerode";
import { inTime } from "../errors/deadline.ts";
import { ContainerEngineError } from "../errors/errors.ts";
import { osCode } from "../errors/os-code.ts";
import { dockerState } from "./container-state.ts";
import { connectDockerode } from "./dockerode-connection.ts";
import type { ContainerEngine, EngineContainer } from "./engine.ts";
import { clientAddress, type EngineAddress, resolveEngineAddress } from "./engine-address.ts";
import { engineError, engineTimeoutError, statusOf } from "./engine-error.ts";
import { isMissing } from "./engine-error-kinds.ts";
import { findEngine, findOtherEngine } from "./find-engine.ts";
import { tcpKey, toImageDetails, toInspectedContainer, toTargets } from "./inspected-container.ts";
import { dockerId, engineIdAt, incarnationOf, podmanId } from "./known-ids.ts";
import { isListedContainer, isPublishing, type ListedContainer, nameOf } from "./listed-container.ts";
import { boundPorts, publishedPorts } from "./published-ports.ts";
import { removeUntilGone } from "./remove-until-gone.ts";

const debug = createDebug("iris-ports:docker");

/** A forced removal waits for the container's processes to end; the engine gives them 10 s. */
const REMOVE_TIMEOUT_MS = 30_000;

/** The address of the engine, and its time-out. */
export type DockerodeEngineOptions = {
  /** As in `DOCKER_HOST`. @default the configured engine, else the first default socket at which one answers */
  readonly dockerHost?: string;
  /** A connected client of dockerode, instead of `dockerHost`. */
  readonly client?: { readonly modem: unknown };
  /** The time-out of one complete listing, in milliseconds. @default 2000 */
  readonly timeoutMs?: number;
};

/** Over ssh, every request starts a session. */
const SSH_TIMEOUT_MS = 15_000;

/** The types of dockerode lack the abort signal of `info()`. */
type Informant = { info(options: { readonly abortSignal: AbortSignal }): Promise<unknown> };

type Connection = { readonly address: EngineAddress; readonly docker: Dockerode };

/** A container engine, queried through dockerode, which is loaded at the first request. */
export class DockerodeEngine implements ContainerEngine {
  readonly #dockerHost: string | undefined;
  readonly #timeoutMs: number;
  /** Kept only after an engine has answered, because one that starts later may listen on another socket. */
  #connection: Connection | undefined;
  /** Cached, because the port bindings of a container never change after its creation. */
  readonly #boundPorts = new Map<string, readonly number[]>();

  /** Does not connect before the first request. */
  constructor(options: DockerodeEngineOptions = {}) {
    this.#dockerHost = options.dockerHost;
    this.#timeoutMs = options.timeoutMs ?? 2_000;
    const { client } = options;
    if (client !== undefined)
      this.#connection = { address: clientAddress(client.modem as object), docker: client as Dockerode };
  }

  /** The address, for messages; `unknown` while it cannot be determined. */
  get endpoint(): string {
    return this.#findAddress()?.endpoint ?? "unknown";
  }

  /** False if published ports open on another host. */
  get isLocal(): boolean {
    return this.#findAddress()?.isLocal ?? true;
  }

  /**
   * The engine's own ID.
   * @throws ContainerEngineError when the engine does not answer
   */
  async identify(known?: ReadonlyMap<string, string>): Promise<string> {
    return this.#ask(this.#timeoutMs, (docker, abortSignal, address) => {
      const ask = () => onceMoreIfHungUp(() => (docker as Informant).info({ abortSignal })).then(engineId);
      return engineIdAt(address, ask, known);
    });
  }

  /** Undefined for an engine whose starts cannot be observed on this host. */
  incarnation(): string | undefined {
    const address = this.#findAddress();
    return address && incarnationOf(address);
  }

  /**
   * When the container was last started; undefined if it does not exist or does not run.
   * @throws ContainerEngineError when the engine does not answer
   */
  async startedAt(id: string): Promise<string | undefined> {
    return this.#ask(this.#timeoutMs, async (docker, abortSignal) => {
      const inspected = await inspectionOf(docker, id, abortSignal);
      return inspected?.State.Running ? inspected.State.StartedAt : undefined;
    });
  }

  /**
   * The host port on which a container publishes one of its TCP ports now; undefined if it publishes none.
   * @throws ContainerEngineError when the engine does not answer
   */
  async publishedPort(id: string, containerPort: number): Promise<number | undefined> {
    return this.#ask(this.#timeoutMs, async (docker, abortSignal) => {
      const inspected = await inspectionOf(docker, id, abortSignal);
      return inspected && toInspectedContainer(inspected).published[tcpKey(containerPort)]?.[0]?.hostPort;
    });
  }

  /**
   * The labels of a container's image; undefined if one of them does not exist.
   * @throws ContainerEngineError when the engine does not answer
   */
  async imageLabels(id: string): Promise<Readonly<Record<string, string>> | undefined> {
    return this.#ask(this.#timeoutMs, async (docker, abortSignal) => {
      const container = await inspectionOf(docker, id, abortSignal);
      const image = container && (await found(docker.getImage(container.Image).inspect()));
      return image && toImageDetails(image).labels;
    });
  }

  /**
   * Every container in any state.
   * @throws EngineAbsentError when no engine is configured and none is installed
   * @throws ContainerEngineError when the engine does not answer in time, or sends an unexpected response
   */
  async listContainers(): Promise<readonly EngineContainer[]> {
    return this.#ask(this.#timeoutMs, async (docker, abortSignal) => {
      const rows: unknown = await onceMoreIfHungUp(() => docker.listContainers({ all: true, abortSignal }));
      if (!Array.isArray(rows) || !rows.every(isListedContainer))
        throw new Error("something that is not a list of containers");
      const containers = await Promise.all(rows.map((row) => this.#describe(docker, row, abortSignal)));
      this.#forgetAllBut(new Set(rows.map((row) => row.Id)));
      return containers.filter((container) => container !== undefined);
    });
  }

  /**
   * Kills and removes a container with its anonymous volumes. A container that does not exist is not an error.
   * @throws ContainerEngineError when the engine refuses
   */
  async removeContainer(id: string): Promise<void> {
    await this.#ask(REMOVE_TIMEOUT_MS, async (docker, signal, { endpoint }) => {
      const container = docker.getContainer(encodeURIComponent(id));
      const remove = () => container.remove({ force: true, v: true, abortSignal: signal });
      await removeUntilGone(remove, { endpoint, timeoutMs: REMOVE_TIMEOUT_MS, signal });
    });
  }

  /** Undefined if the container vanished after it was listed. */
  async #describe(
    docker: Dockerode,
    row: ListedContainer,
    abortSignal: AbortSignal,
  ): Promise<EngineContainer | undefined> {
    const hostPorts = isPublishing(row) ? publishedPorts(row.Ports) : await this.#inspect(docker, row.Id, abortSignal);
    if (hostPorts === undefined) return undefined;
    return {
      id: row.Id,
      name: nameOf(row),
      image: row.Image ?? "",
      state: dockerState(row.State),
      labels: row.Labels ?? {},
      hostPorts,
    };
  }

  async #inspect(docker: Dockerode, id: string, abortSignal: AbortSignal): Promise<readonly number[] | undefined> {
    const known = this.#boundPorts.get(id);
    if (known) return known;
    const inspected = await inspectionOf(docker, id, abortSignal);
    if (!inspected) return undefined;
    if (typeof inspected.HostConfig !== "object") throw new Error("something that is not a container");
    const ports = boundPorts(toTargets(inspected.HostConfig.PortBindings));
    this.#boundPorts.set(id, ports);
    return ports;
  }

  #forgetAllBut(ids: ReadonlySet<string>): void {
    for (const id of this.#boundPorts.keys()) if (!ids.has(id)) this.#boundPorts.delete(id);
  }

  /** Turns every failure of `question`, including a time-out, into a ContainerEngineError. */
  async #ask<T>(
    limitMs: number,
    question: (docker: Dockerode, signal: AbortSignal, address: EngineAddress) => Promise<T>,
  ): Promise<T> {
    const connection = await this.#connect();
    const { address, docker } = connection;
    const timeoutMs = address.ssh ? Math.max(limitMs, SSH_TIMEOUT_MS) : limitMs;
    const controller = new AbortController();
    try {
      // docker-modem never settles if an answer is cut off, so it cannot provide the time-out.
      const late = () => engineTimeoutError(address.endpoint, timeoutMs);
      const answer = await inTime(question(docker, controller.signal, address), timeoutMs, late);
      this.#connection = connection;
      return answer;
    } catch (error) {
      controller.abort();
      throw await this.#failure(address, error);
    }
  }

  /** Names both engines if the configured one does not answer and another one does. */
  async #failure(address: EngineAddress, cause: unknown): Promise<ContainerEngineError> {
    const error = engineError(address.endpoint, cause, address.source);
    if (address.source === undefined || statusOf(cause) !== undefined) return error;
    const other = await findOtherEngine(address);
    const { what, state = "", remedy } = error;
    const source = `Its address comes from ${address.source}.`;
    const states = [state.startsWith(source) ? "" : source, state, other && `An engine answers at ${other.endpoint}.`];
    return new ContainerEngineError({ what, state: states.filter(Boolean).join("\n"), remedy, cause });
  }

  async #connect(): Promise<Connection> {
    if (this.#connection) return this.#connection;
    try {
      const address = await findEngine(this.#dockerHost);
      return { address, docker: await connectDockerode(address) };
    } catch (error) {
      throw engineError(this.#dockerHost ?? "the configured address", error);
    }
  }

  #findAddress(): EngineAddress | undefined {
    if (this.#connection) return this.#connection.address;
    try {
      return resolveEngineAddress(this.#dockerHost);
    } catch (error) {
      debug("%s", error); // The next request reports it.
      return undefined;
    }
  }
}

/** The engine's own ID. */
function engineId(info: unknown): string {
  const { ID, Name, DockerRootDir, BuildahVersion } = (info ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof ID !== "string" || ID === "") throw new Error("something that is not the description of an engine");
  return typeof BuildahVersion === "string" ? podmanId(Name, DockerRootDir) : dockerId(ID, DockerRootDir);
}

/** Repeats a request once, because an engine may close an idle connection at the moment it is reused. */
async function onceMoreIfHungUp<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!["ECONNRESET", "EPIPE"].includes(osCode(error))) throw error;
    return request();
  }
}

function inspectionOf(docker: Dockerode, id: string, abortSignal: AbortSignal) {
  return found(docker.getContainer(encodeURIComponent(id)).inspect({ abortSignal }));
}

async function found<T>(inspection: Promise<T>): Promise<T | undefined> {
  try {
    return await inspection;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
