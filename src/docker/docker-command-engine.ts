import { ContainerEngineError } from "../errors/errors.ts";
import { dockerState } from "./container-state.ts";
import { DockerCommand, refusal } from "./docker-command.ts";
import { DockerCommandHost } from "./docker-command-host.ts";
import type { ContainerEngine, EngineContainer } from "./engine.ts";
import { type EngineAddress, resolveEngineAddress } from "./engine-address.ts";
import { engineError } from "./engine-error.ts";
import { isMissing } from "./engine-error-kinds.ts";
import { toInspectedContainer } from "./inspected-container.ts";
import { dockerId, engineIdAt, incarnationOf, podmanId } from "./known-ids.ts";
import { boundPorts, portsInText } from "./published-ports.ts";

const LIST_TIMEOUT_MS = 2_000;
const INSPECT_TIMEOUT_MS = 1_000;
const DOCKER_FIELDS = [".ID", ".Name", ".DockerRootDir", ".IndexServerAddress", ".ProductLicense"];

type Row = Omit<EngineContainer, "hostPorts"> & { readonly ports: string; readonly networks: string };
type PortsById = ReadonlyMap<string, readonly number[]>;

/** How the docker command is used to list containers. */
export type DockerCommandEngineOptions = {
  /** The labels to read: `docker ps` joins all of them with commas, which their values may contain as well. */
  readonly labels: readonly string[];
  /** False if published ports do not open in the network of this process. @default true */
  readonly isHostShared?: boolean | undefined;
  /** The engine's address, if it is known already: the environment may name another engine by now. */
  readonly address?: EngineAddress | undefined;
};

/** The container engine, queried through the docker command, because dockerode cannot be bundled into an action. */
export class DockerCommandEngine implements ContainerEngine {
  readonly #options: DockerCommandEngineOptions;
  /** The bindings of a container never change after its creation, so one inspection of each is enough. */
  #boundPorts: PortsById = new Map();
  #host: DockerCommandHost | undefined;

  constructor(options: DockerCommandEngineOptions) {
    this.#options = options;
  }

  /** The same engine, for starting containers. @throws ContainerEngineError when the configured address is invalid */
  get host(): DockerCommandHost {
    this.#host ??= new DockerCommandHost(new DockerCommand(this.#options.address));
    return this.#host;
  }

  /** How the engine is reached; undefined if the configured address is invalid. */
  get knownAddress(): EngineAddress | undefined {
    return this.#address();
  }

  get endpoint(): string {
    return this.#address()?.endpoint ?? "unknown";
  }

  get isLocal(): boolean {
    return (this.#options.isHostShared ?? true) && (this.#address()?.isLocal ?? true);
  }

  async identify(known?: ReadonlyMap<string, string>): Promise<string> {
    const address = this.#address();
    const ask = () => this.#readId();
    return address === undefined ? ask() : engineIdAt(address, ask, known);
  }

  incarnation(): string | undefined {
    const address = this.#address();
    return address && incarnationOf(address);
  }

  async startedAt(id: string): Promise<string | undefined> {
    try {
      const found = await this.host.find(id, { timeoutMs: LIST_TIMEOUT_MS });
      return found?.isRunning ? found.startedAt : undefined;
    } catch (error) {
      throw engineError(this.endpoint, error, this.#address()?.source);
    }
  }

  async imageLabels(id: string): Promise<Readonly<Record<string, string>> | undefined> {
    try {
      const limits = { timeoutMs: LIST_TIMEOUT_MS };
      const found = await this.host.find(id, limits);
      return found && (await this.host.findImage(found.imageId, limits))?.labels;
    } catch (error) {
      throw engineError(this.endpoint, error, this.#address()?.source);
    }
  }

  async listContainers(): Promise<readonly EngineContainer[]> {
    try {
      const rows = await this.#list();
      const bound = await this.#inspect(rows.filter((row) => !isPublishing(row)).map(({ id }) => id));
      return rows
        .filter((row) => isPublishing(row) || bound.has(row.id))
        .map(({ ports, networks: _, ...row }) => ({ ...row, hostPorts: bound.get(row.id) ?? portsInText(ports) }));
    } catch (error) {
      throw engineError(this.endpoint, error, this.#address()?.source);
    }
  }

  async removeContainer(id: string): Promise<void> {
    try {
      await this.host.remove(id);
    } catch (error) {
      throw engineError(this.endpoint, error, this.#address()?.source);
    }
  }

  async #list(): Promise<readonly Row[]> {
    const { labels } = this.#options;
    const fields = [
      ".ID",
      ".Names",
      ".Image",
      ".State",
      ".Ports",
      ".Networks",
      ...labels.map((name) => `(.Label "${name}")`),
    ];
    const format = `[${fields.map((field) => `{{json ${field}}}`).join(",")}]`;
    const args = ["ps", "--all", "--no-trunc", "--format", format];
    const listed = await this.host.command.ask(args, { timeoutMs: LIST_TIMEOUT_MS });
    try {
      const lines = listed.split("\n").filter(Boolean);
      return lines.map((line) => toRow(JSON.parse(line), labels));
    } catch (cause) {
      throw new ContainerEngineError({
        what: `The docker command listed the containers of ${this.endpoint} in an unknown format.`,
        remedy: "check with `docker ps --all` which program `docker` is",
        cause,
      });
    }
  }

  /**
   * The ports that stopped containers will take when they are started. A container that has been removed meanwhile is
   * left out; a container that the engine cannot describe in time must not hide the others.
   */
  async #inspect(ids: readonly string[]): Promise<PortsById> {
    const known = new Map([...this.#boundPorts].filter(([id]) => ids.includes(id)));
    const unknown = ids.filter((id) => !known.has(id));
    const described = await this.#describe(unknown).catch((error: unknown) => this.#describeEach(unknown, error));
    this.#boundPorts = new Map([...known, ...described].filter(([, ports]) => ports !== UNKNOWN_PORTS));
    return new Map([...known, ...described]);
  }

  async #describe(ids: readonly string[]): Promise<PortsById> {
    if (ids.length === 0) return new Map();
    const args = ["inspect", "--type", "container", ...ids];
    const inspected = await this.host.command.run(args, { timeoutMs: INSPECT_TIMEOUT_MS });
    if (inspected.exitCode !== 0 && !isMissing(refusal(inspected))) throw refusal(inspected);
    const containers = (JSON.parse(inspected.stdout) as readonly unknown[]).map(toInspectedContainer);
    return new Map(containers.map(({ id, bindings }) => [id, boundPorts(bindings)]));
  }

  async #describeEach(ids: readonly string[], error: unknown): Promise<PortsById> {
    if (ids.length === 1) return new Map(ids.map((id) => [id, UNKNOWN_PORTS]));
    if (!(error instanceof ContainerEngineError)) throw error;
    const each = ids.map((id) => this.#describe([id]).catch(() => new Map([[id, UNKNOWN_PORTS]])));
    return new Map((await Promise.all(each)).flatMap((ports) => [...ports]));
  }

  async #readId(): Promise<string> {
    try {
      return (await this.#dockerId()) || this.endpoint;
    } catch (error) {
      if (isRefusedField(error)) return this.#idOfPodmansDocker();
      throw engineError(this.endpoint, error, this.#address()?.source);
    }
  }

  async #dockerId(): Promise<string> {
    const [id, name, root, index, licence] = await this.#describeHost(DOCKER_FIELDS);
    // Docker's command does not pass on that the socket is podman's, but podman's answer has these values.
    const isPodman = licence === "Apache-2.0" && index === "";
    return isPodman ? podmanId(name, root) : dockerId(String(id), root);
  }

  /** Podman's own `docker` has other fields; if these are missing as well, the address identifies the engine. */
  async #idOfPodmansDocker(): Promise<string> {
    try {
      const [name, root] = await this.#describeHost([".Host.Hostname", ".Store.GraphRoot"]);
      return podmanId(name, root);
    } catch (error) {
      if (isRefusedField(error)) return this.endpoint;
      throw engineError(this.endpoint, error, this.#address()?.source);
    }
  }

  async #describeHost(fields: readonly string[]): Promise<readonly unknown[]> {
    const format = `[${fields.map((field) => `{{json ${field}}}`).join(",")}]`;
    return JSON.parse(await this.host.command.ask(["info", "--format", format], { timeoutMs: LIST_TIMEOUT_MS }));
  }

  #address() {
    if (this.#host !== undefined) return this.#host.command.address;
    if (this.#options.address !== undefined) return this.#options.address;
    try {
      return resolveEngineAddress();
    } catch (error) {
      // The next request to the engine reports this error.
      if (error instanceof ContainerEngineError) return undefined;
      throw error;
    }
  }
}

function isRefusedField(error: unknown): boolean {
  return error instanceof Error && /can't evaluate field|template/i.test(error.message);
}

/** For a container that the engine cannot describe; not cached. */
const UNKNOWN_PORTS: readonly number[] = [];

/** False also for a container that was disconnected from every network: it takes its ports back when it is connected. */
function isPublishing({ state, ports, networks }: Row): boolean {
  return (state === "running" || state === "paused") && (networks !== "" || portsInText(ports).length > 0);
}

function toRow(fields: readonly string[], labels: readonly string[]): Row {
  const [id, names, image, state, ports, networks, ...values] = fields;
  if (!id || !/^[\w.-]+$/.test(id) || !state) throw new Error("something that is not a container");
  // Links of other containers are listed as names with a slash.
  const name = (names ?? "").split(",").find((candidate) => !candidate.includes("/")) ?? "";
  const carried = labels.map((label, index) => [label, values[index] ?? ""]).filter(([, value]) => value !== "");
  return {
    id,
    name,
    image: image ?? "",
    state: dockerState(state),
    ports: ports ?? "",
    networks: networks ?? "",
    labels: Object.fromEntries(carried),
  };
}
