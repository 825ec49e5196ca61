import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { getExecOutput } from "@actions/exec";
import { type EngineAddress, resolveEngineAddress } from "../src/docker/engine-address.ts";
import { engineError, engineTimeoutError } from "../src/docker/engine-error.ts";
import { ContainerEngineError } from "../src/errors/errors.ts";

const ANSWER_LIMIT_BYTES = 256 * 1024 * 1024;

/** How a docker command ended. */
export type DockerResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** What a docker command gets besides its arguments. */
export type DockerInput = {
  /** Written to its stdin. */
  readonly input?: string;
  /** Secrets go here, never into the arguments, which every user of the host can read; the command obeys some names. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onLine?: (line: string) => void;
};

type AskOptions = Pick<DockerInput, "env"> & { readonly signal?: AbortSignal };

/** Questions that this process no longer waits for must not outlive it: their time-outs end with it. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** The docker command line, directed to the engine that the library would use. Nothing passes through a shell. */
export class DockerCli {
  readonly address: EngineAddress;
  readonly #env: Record<string, string>;

  /** @throws ContainerEngineError when what is configured names no engine */
  constructor(address: EngineAddress = resolveEngineAddress()) {
    this.address = address;
    this.#env = environmentFor(address);
  }

  /** Runs a command to its end, whatever its exit code. @throws ContainerEngineError when there is no docker command */
  async run(args: readonly string[], { input, env, onLine }: DockerInput = {}): Promise<DockerResult> {
    const listeners = onLine === undefined ? {} : { listeners: { stdline: onLine, errline: onLine } };
    try {
      return await getExecOutput("docker", [...args], {
        silent: true,
        ignoreReturnCode: true,
        env: { ...this.#env, ...env },
        input: Buffer.from(input ?? ""),
        ...listeners,
      });
    } catch (cause) {
      throw this.#notStarted(cause);
    }
  }

  /**
   * Runs a command that must be quick, and ends it when it is not; `@actions/exec` cannot end what it started.
   * @throws ContainerEngineError when it takes longer, or cannot be started; the signal's reason when that is aborted
   */
  ask(args: readonly string[], timeoutMs: number, { env, signal }: AskOptions = {}): Promise<DockerResult> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const options = {
        env: { ...this.#env, ...env },
        timeout: timeoutMs,
        maxBuffer: ANSWER_LIMIT_BYTES,
        windowsHide: true,
        ...(signal === undefined ? {} : { signal }),
      };
      const settings = { ...options, killSignal: "SIGKILL" as const };
      const child = execFile("docker", args, settings, (error, stdout, stderr) => {
        running.delete(child);
        if (error?.name === "AbortError") reject(signal?.reason);
        else if (error?.killed) reject(engineTimeoutError(this.address.endpoint, timeoutMs));
        else if (typeof error?.code === "string") reject(this.#notStarted(error));
        else resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
      });
      running.add(child);
      child.stdin?.end();
    });
  }

  /** Runs a command until it ends or is aborted, handing on its lines. */
  async follow(args: readonly string[], onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    const child = spawn("docker", args, { env: this.#env, stdio: ["ignore", "pipe", "pipe"], windowsHide: true });
    const stop = () => void child.kill("SIGKILL");
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", onLine);
    try {
      await once(child, "close");
    } catch (cause) {
      throw this.#notStarted(cause);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** What a command that failed says about the engine. */
  refusal({ stderr, exitCode }: DockerResult): ContainerEngineError {
    const words = stderr.trim() || `exit code ${exitCode}`;
    const code = NO_PERMISSION.test(words) ? "EACCES" : NO_ANSWER.test(words) ? "ECONNREFUSED" : undefined;
    const details = code === undefined ? { statusCode: 500 } : { code };
    const error = engineError(this.address.endpoint, Object.assign(new Error(words), details));
    const { source } = this.address;
    if (code !== "ECONNREFUSED" || source === undefined) return error;
    const state = [`Its address comes from ${source}.`, error.state].filter(Boolean).join("\n");
    return new ContainerEngineError({
      what: error.what,
      state,
      remedy: `start it, or correct ${source}.`,
      cause: error,
    });
  }

  #notStarted(cause: unknown): ContainerEngineError {
    if (cause instanceof ContainerEngineError) return cause;
    return new ContainerEngineError({
      what: "The docker command cannot be run.",
      state: cause instanceof Error ? cause.message : String(cause),
      remedy:
        "install Docker's command line on the runner and put it on PATH; for a job with `container:` into its image, too",
      cause,
    });
  }
}

const NO_PERMISSION = /permission denied while trying|connect: permission denied/i;
const NO_ANSWER =
  /cannot connect to the docker daemon|is the docker daemon running|error during connect|connection refused|no such host/i;

/** The command line must ask the very engine that `address` names, however that one was found. */
function environmentFor({ endpoint, socketPath, tcp }: EngineAddress): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^DOCKER_(HOST|CONTEXT|TLS|TLS_VERIFY|CERT_PATH)$/.test(name),
  );
  const env = Object.fromEntries(inherited) as Record<string, string>;
  // `DOCKER_CONTEXT` comes before `DOCKER_HOST`, so it must not be there at all.
  env["DOCKER_HOST"] =
    socketPath === undefined ? endpoint : `${endpoint.slice(0, endpoint.indexOf("://"))}://${socketPath}`;
  if (tcp?.isTls) env[tcp.isTlsVerified ? "DOCKER_TLS_VERIFY" : "DOCKER_TLS"] = "1";
  if (tcp?.certDirectory !== undefined) env["DOCKER_CERT_PATH"] = tcp.certDirectory;
  // The messages are matched, and shown in the log.
  return { ...env, LC_ALL: "C" };
}
