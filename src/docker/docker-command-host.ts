import type { CallLimits, ContainerHost, ExecOptions, ExecResult, LogOptions } from "./container-host.ts";
import { type DockerCommand, type DockerInput, type DockerResult, refusal } from "./docker-command.ts";
import { isMissing } from "./engine-error-kinds.ts";
import { EnvFile } from "./env-file.ts";
import { type ContainerFile, fileArchive } from "./file-archive.ts";
import {
  type ImageDetails,
  type InspectedContainer,
  toImageDetails,
  toInspectedContainer,
} from "./inspected-container.ts";
import { removeUntilGone } from "./remove-until-gone.ts";

const ASK_TIMEOUT_MS = 30_000;
/** Podman loses the output of a command that ends before it has read its input, such as a session that is refused. */
const READ_ALL_INPUT = '"$@"; code=$?; cat >/dev/null; exit $code';

/** The container that `docker create` makes. */
export type ContainerRecipe = {
  readonly image: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly publications: readonly { readonly containerPort: number; readonly hostPort: number }[];
  /** The host addresses to publish on; an empty one stands for all. */
  readonly addresses: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Further options of `docker create`, one word each. */
  readonly options?: readonly string[] | undefined;
};

/** A container engine that is used through the docker command. */
export class DockerCommandHost implements ContainerHost {
  readonly command: DockerCommand;

  constructor(command: DockerCommand) {
    this.command = command;
  }

  get endpoint(): string {
    return this.command.address.endpoint;
  }

  find(nameOrId: string, limits?: CallLimits): Promise<InspectedContainer | undefined> {
    return this.#inspect(["inspect", "--type", "container", nameOrId], toInspectedContainer, limits);
  }

  findImage(image: string, limits?: CallLimits): Promise<ImageDetails | undefined> {
    return this.#inspect(["image", "inspect", image], toImageDetails, limits);
  }

  /** Makes a container and returns its id. */
  async create(recipe: ContainerRecipe, limits?: CallLimits): Promise<string> {
    using environment = new EnvFile(recipe.environment);
    const args = createArguments(recipe, environment.args);
    return (await this.#ask(args, { ...limits, env: environment.env })).trim();
  }

  async start(id: string, limits?: CallLimits): Promise<void> {
    await this.#ask(["start", id], limits);
  }

  async remove(id: string, { timeoutMs = ASK_TIMEOUT_MS, signal }: CallLimits = {}): Promise<void> {
    const remove = () => this.#ask(["rm", "--force", "--volumes", id], { timeoutMs, signal });
    await removeUntilGone(remove, { endpoint: this.endpoint, timeoutMs, signal });
  }

  async labelled(label: string, value: string, limits?: CallLimits): Promise<readonly string[]> {
    const args = ["ps", "--all", "--quiet", "--no-trunc", "--filter", `label=${label}=${value}`];
    return (await this.#ask(args, limits)).split(/\s+/).filter(Boolean);
  }

  async log(id: string, tail?: number, limits?: CallLimits): Promise<string> {
    const lines: string[] = [];
    const args = ["logs", ...(tail === undefined ? [] : ["--tail", String(tail)]), id];
    // Line by line, because only then both streams stay in the order in which they were written.
    const result = await this.#run(args, { ...limits, onLine: (line) => lines.push(line) });
    if (result.exitCode !== 0) throw refusal(result);
    return lines.join("\n");
  }

  async followLog(id: string, { since, signal, onLine }: LogOptions): Promise<void> {
    const from = since === undefined ? [] : ["--since", since.toISOString()];
    try {
      await this.command.run(["logs", "--follow", ...from, id], { signal, onLine });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  exec(id: string, command: readonly string[], { input, ...limits }: ExecOptions = {}): Promise<ExecResult> {
    const run = input === undefined ? command : ["sh", "-c", READ_ALL_INPUT, "sh", ...command];
    return this.#run(["exec", "--interactive", id, ...run], { ...limits, input });
  }

  /**
   * Puts files into a container, running or not, and creates their directories. The files are copied, not mounted,
   * because the engine may run on another host.
   */
  async copyFiles(id: string, files: readonly ContainerFile[], limits?: CallLimits): Promise<void> {
    // From stdin, so that no secret gets onto a disk.
    if (files.length > 0) await this.#ask(["cp", "-", `${id}:/`], { ...limits, input: fileArchive(files) });
  }

  /** Removes a directory of a running container, whatever its owner. */
  async removeFiles(id: string, directory: string, limits?: CallLimits): Promise<void> {
    await this.#run(["exec", "--user", "root", id, "rm", "-rf", directory], limits);
  }

  /** Pulls an image, and passes on what the docker command prints. */
  pull(image: string, input: Pick<DockerInput, "signal" | "onLine"> = {}): Promise<DockerResult> {
    return this.command.run(["pull", image], input);
  }

  async #inspect<T>(
    args: readonly string[],
    read: (raw: unknown) => T,
    limits: CallLimits | undefined,
  ): Promise<T | undefined> {
    try {
      const [first] = JSON.parse(await this.#ask(args, limits)) as readonly unknown[];
      return first === undefined ? undefined : read(first);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  #ask(args: readonly string[], input?: DockerInput): Promise<string> {
    return this.command.ask(args, { timeoutMs: ASK_TIMEOUT_MS, ...input });
  }

  #run(args: readonly string[], input?: DockerInput): Promise<DockerResult> {
    return this.command.run(args, { timeoutMs: ASK_TIMEOUT_MS, ...input });
  }
}

/** The command as a public log may show it, without labels and environment values. */
export function shownCreate({ environment, ...recipe }: ContainerRecipe): string {
  const names = Object.keys(environment).flatMap((name) => ["--env", name]);
  return ["docker", ...createArguments({ ...recipe, environment, labels: {} }, names)].join(" ");
}

function createArguments(recipe: ContainerRecipe, environment: readonly string[]): readonly string[] {
  const { image, name, labels, publications, addresses, options = [] } = recipe;
  const publish = publications.flatMap(({ containerPort, hostPort }) =>
    addresses.flatMap((address) => ["--publish", `${hostOf(address)}${hostPort}:${containerPort}`]),
  );
  return [
    "create",
    ...options,
    ...["--name", name],
    ...Object.entries(labels).flatMap(([label, value]) => ["--label", `${label}=${value}`]),
    ...publish,
    ...environment,
    image,
  ];
}

function hostOf(address: string): string {
  if (address === "") return "";
  return address.includes(":") ? `[${address}]:` : `${address}:`;
}
