import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import type Dockerode from "dockerode";
import { ContainerEngineError } from "../errors/errors.ts";
import { connectDockerode } from "./dockerode-connection.ts";
import type { ContainerEngine, EngineContainer } from "./engine.ts";
import { clientAddress, type EngineAddress, resolveEngineAddress } from "./engine-address.ts";
import { engineError, engineTimeoutError, statusOf, systemCodeOf } from "./engine-error.ts";
import { findEngine, findOtherEngine } from "./find-engine.ts";
import { engineIdAt, incarnationOf } from "./known-ids.ts";
import { boundPorts, type ListedPort, publishedPorts } from "./published-ports.ts";

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

/** The reliable fields of a row of the engine's list. */
type Row = {
  readonly Id: string;
  readonly State: string;
  readonly Names?: readonly string[] | null;
  readonly Image?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Ports?: readonly ListedPort[] | null;
};

/** The types of dockerode lack the abort signal of `info()`. */
type Informant = { info(options: { readonly abortSignal: AbortSignal }): Promise<unknown> };

type Connection = { readonly address: EngineAddress; readonly docker: Dockerode };

/** A container engine, queried through dockerode, which is loaded at the first request. */
export class DockerodeEngine implements ContainerEngine {
  readonly #dockerHost: string | undefined;
  readonly #timeoutMs: number;
  /** Kept only after an engine has answered, because one that starts later may listen on another socket. */
  #connection: Connection | undefined;
  #id: string | undefined;
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
    this.#id ??= await this.#ask(this.#timeoutMs, (docker, abortSignal, address) => {
      const ask = () => onceMoreIfHungUp(() => (docker as Informant).info({ abortSignal })).then(engineId);
      return engineIdAt(address, ask, known);
    });
    return this.#id;
  }

  /** Undefined for an engine whose start does not show on this host. */
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
      const inspected = await found(docker.getContainer(encodeURIComponent(id)).inspect({ abortSignal }));
      return inspected?.State.Running ? inspected.State.StartedAt : undefined;
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
      if (!Array.isArray(rows) || !rows.every(isRow)) throw new Error("something that is not a list of containers");
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
    await this.#ask(REMOVE_TIMEOUT_MS, async (docker, abortSignal) => {
      const container = docker.getContainer(encodeURIComponent(id));
      try {
        await container.remove({ force: true, v: true, abortSignal });
      } catch (error) {
        if (isMissing(error)) return;
        if (!isBeingRemoved(error)) throw error;
        while (await found(container.inspect({ abortSignal }))) await delay(20, undefined, { signal: abortSignal });
      }
    });
  }

  /** Undefined if the container vanished after it was listed. */
  async #describe(docker: Dockerode, row: Row, abortSignal: AbortSignal): Promise<EngineContainer | undefined> {
    // A container that does not run is listed without ports, but takes its ports back when it is started.
    const isListedWithPorts = row.State === "running" || row.State === "paused";
    const hostPorts = isListedWithPorts ? publishedPorts(row.Ports) : await this.#inspect(docker, row.Id, abortSignal);
    if (hostPorts === undefined) return undefined;
    return {
      id: row.Id,
      name: (row.Names?.[0] ?? "").replace(/^\//, ""),
      image: row.Image ?? "",
      state: row.State,
      labels: row.Labels ?? {},
      hostPorts,
    };
  }

  async #inspect(docker: Dockerode, id: string, abortSignal: AbortSignal): Promise<readonly number[] | undefined> {
    const known = this.#boundPorts.get(id);
    if (known) return known;
    const inspected = await found(docker.getContainer(id).inspect({ abortSignal }));
    if (!inspected) return undefined;
    if (typeof inspected.HostConfig !== "object") throw new Error("something that is not a container");
    const ports = boundPorts(inspected.HostConfig.PortBindings);
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
    // docker-modem never settles if an answer is cut off, so it cannot provide the time-out.
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => timeout.reject(engineTimeoutError(address.endpoint, timeoutMs)), timeoutMs);
    try {
      const answer = await Promise.race([question(docker, controller.signal, address), timeout.promise]);
      this.#connection = connection;
      return answer;
    } catch (error) {
      controller.abort();
      throw await this.#failure(address, error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Names both engines if the configured one does not answer and another one does. */
  async #failure(address: EngineAddress, cause: unknown): Promise<ContainerEngineError> {
    const error = engineError(address.endpoint, cause);
    if (address.source === undefined || statusOf(cause) !== undefined) return error;
    const other = await findOtherEngine(address);
    const { what, state, remedy } = error;
    const states = [
      `Its address comes from ${address.source}.`,
      state,
      other && `An engine answers at ${other.endpoint}.`,
    ];
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

/**
 * The engine's own ID. Podman gives a new one in every answer, so its host name and storage path are used instead.
 */
function engineId(info: unknown): string {
  const { ID, Name, DockerRootDir, BuildahVersion } = (info ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof ID !== "string" || ID === "") throw new Error("something that is not the description of an engine");
  return typeof BuildahVersion === "string" ? `podman:${Name}:${DockerRootDir}` : ID;
}

/** Ids must be strings without special characters, because they become part of request paths. */
function isRow(value: unknown): value is Row {
  const row = value as Partial<Row> | null;
  return typeof row?.Id === "string" && /^[\w.-]+$/.test(row.Id) && typeof row.State === "string";
}

/** Repeats a request once, because an engine may close an idle connection at the moment it is reused. */
async function onceMoreIfHungUp<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!["ECONNRESET", "EPIPE"].includes(systemCodeOf(error) ?? "")) throw error;
    return request();
  }
}

async function found<T>(inspection: Promise<T>): Promise<T | undefined> {
  try {
    return await inspection;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return statusOf(error) === 404;
}

function isBeingRemoved(error: unknown): boolean {
  return statusOf(error) === 409 && /already in progress/.test(String(error));
}
