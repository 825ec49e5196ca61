import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { startDeadline } from "../errors/deadline.ts";
import { ContainerEngineError } from "../errors/errors.ts";
import type { CallLimits } from "./container-host.ts";
import { type EngineAddress, resolveEngineAddress } from "./engine-address.ts";
import { engineTimeoutError } from "./engine-error.ts";

const KEPT_LINES = 20;

/** Killed when this process exits, because their time-outs end with it. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** How a docker command ended. */
export type DockerResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** The input of a docker command besides its arguments. */
export type DockerInput = CallLimits & {
  /** Written to its stdin. */
  readonly input?: string | Buffer | undefined;
  /** Secrets go here, not into the arguments, which every user of the host can read. Docker itself obeys some names. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Receives every line as it arrives; the result then has only the last lines. */
  readonly onLine?: ((line: string) => void) | undefined;
};

/** The docker command line, directed to the engine that the library would use. Nothing passes through a shell. */
export class DockerCommand {
  readonly address: EngineAddress;
  /** The variables that a docker command needs in its environment. */
  readonly env: Readonly<Record<string, string>>;

  /** @throws ContainerEngineError when the configured address is invalid */
  constructor(address: EngineAddress = resolveEngineAddress()) {
    this.address = address;
    this.env = environmentFor(address);
  }

  /**
   * Runs a command to its end, whatever its exit code.
   * @throws ContainerEngineError when it takes longer than allowed, or cannot be started; the signal's reason when that is aborted
   */
  async run(
    args: readonly string[],
    { timeoutMs, signal, input, env, onLine }: DockerInput = {},
  ): Promise<DockerResult> {
    signal?.throwIfAborted();
    const child = spawn("docker", args, { env: { ...this.env, ...env }, stdio: "pipe", windowsHide: true });
    const ended = Promise.withResolvers<number>();
    child.once("error", (cause) => ended.reject(commandMissing(cause)));
    // Without free file descriptors, Node makes no streams and reports only the error.
    if (!hasStreams(child)) return { exitCode: await ended.promise, stdout: "", stderr: "" };
    running.add(child);
    child.once("close", (code) => {
      running.delete(child);
      ended.resolve(code ?? 1);
    });
    // A command that ends without reading its input is judged by its exit code.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input ?? "");
    const give = (up: unknown) => {
      ended.reject(up);
      child.kill("SIGKILL");
      // Processes that the command has started may still hold the other ends of its pipes.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const abort = () => give(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    const late = () => give(engineTimeoutError(this.address.endpoint, timeoutMs ?? 0));
    using _ = timeoutMs === undefined ? undefined : startDeadline(Math.max(0, timeoutMs), late);
    try {
      const output = Promise.all([read(child.stdout, onLine), read(child.stderr, onLine)]);
      const [exitCode, [stdout, stderr]] = await Promise.all([ended.promise, output]);
      return { exitCode, stdout, stderr };
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /**
   * Runs a command that must succeed, and returns its output.
   * @throws what {@link run} throws, and the engine's refusal with its status
   */
  async ask(args: readonly string[], input: DockerInput = {}): Promise<string> {
    const result = await this.run(args, input);
    if (result.exitCode !== 0) throw refusal(result);
    return result.stdout;
  }
}

/** The message of a failed command, as an error with the status that the engine's API would have returned. */
export function refusal({ stderr, exitCode }: DockerResult): Error {
  const words = stderr.split(/\n\s*Usage:|\nSee '/)[0]?.trim() || `exit code ${exitCode}`;
  const [, details] = REFUSALS.find(([pattern]) => pattern.test(words)) ?? [undefined, { statusCode: 500 }];
  return Object.assign(new Error(words), details);
}

const REFUSALS: readonly (readonly [RegExp, { readonly code: string } | { readonly statusCode: number }])[] = [
  [/permission denied while trying|connect: permission denied/i, { code: "EACCES" }],
  [
    /cannot connect to the docker daemon|is the docker daemon running|error during connect|connection refused|no such host/i,
    { code: "ECONNREFUSED" },
  ],
  [/no such (container|object|image)|no container with name or id/i, { statusCode: 404 }],
  [/already in progress|is not running|is paused|conflict\. the container name/i, { statusCode: 409 }],
];

async function read(stream: Readable, onLine: DockerInput["onLine"]): Promise<string> {
  try {
    if (onLine === undefined) return await text(stream);
    const last: string[] = [];
    for await (const line of createInterface({ input: stream })) {
      onLine(line);
      last.splice(0, last.push(line) - KEPT_LINES);
    }
    return last.join("\n");
  } catch (error) {
    // The stream was destroyed because the command was given up; that failure is reported instead.
    if (stream.destroyed) return "";
    throw error;
  }
}

/** False if Node could not make the streams, although its types say that they exist. */
function hasStreams({ stdin }: Partial<ChildProcess>): boolean {
  return Boolean(stdin);
}

function commandMissing(cause: NodeJS.ErrnoException): ContainerEngineError {
  const isOutOfFiles = cause.code === "EMFILE" || cause.code === "ENFILE";
  return new ContainerEngineError({
    what: "The docker command cannot be run.",
    state: cause.message,
    remedy: isOutOfFiles
      ? "close files, or raise the limit of open files (ulimit -n)"
      : "install Docker's command line and put it on PATH; a job with `container:` needs it in its image, too",
    cause,
  });
}

/** The variables that direct the docker command to the engine of `address`, however it was found. */
function environmentFor({ endpoint, socketPath, tcp }: EngineAddress): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^DOCKER_(HOST|CONTEXT|TLS|TLS_VERIFY|CERT_PATH)$/.test(name),
  );
  const env = Object.fromEntries(inherited) as Record<string, string>;
  // `DOCKER_CONTEXT` comes before `DOCKER_HOST`, so it must be unset.
  env["DOCKER_HOST"] =
    socketPath === undefined ? endpoint : `${endpoint.slice(0, endpoint.indexOf("://"))}://${socketPath}`;
  if (tcp?.isTls) env[tcp.isTlsVerified ? "DOCKER_TLS_VERIFY" : "DOCKER_TLS"] = "1";
  if (tcp?.certDirectory !== undefined) env["DOCKER_CERT_PATH"] = tcp.certDirectory;
  // In English, because the messages are matched and shown in the log.
  return { ...env, LC_ALL: "C" };
}
