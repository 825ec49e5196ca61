import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { type CommandResult, runCommand } from "../../scripts/run-command.ts";
import { READY_LINE } from "../../src/iris/log-lines.ts";
import { SESSION_COMMAND } from "../../src/iris/session-scripts.ts";

/** `docker <args>`, with `input` on its stdin; never throws for what the engine answers. */
export function dockerCli(args: readonly string[], input = ""): Promise<CommandResult> {
  return runCommand("docker", args, { input });
}

/** `docker <args>` that must succeed; its trimmed stdout. */
export async function docker(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await dockerCli(args);
  if (exitCode !== 0) throw new Error(`docker ${args.join(" ")}: exit code ${exitCode}: ${stderr}`);
  return stdout.trim();
}

/** A label no other test has, as `--label` takes it and as `--filter label=` finds it. */
export function uniqueLabel(): string {
  return `io.iris-ports.test=${randomUUID()}`;
}

/** Removes every container that carries the label, whatever its state. */
export async function removeLabelled(label: string): Promise<void> {
  const ids = (await docker("ps", "--all", "--quiet", "--no-trunc", "--filter", `label=${label}`))
    .split("\n")
    .filter(Boolean);
  if (ids.length > 0) await docker("rm", "--force", "--volumes", ...ids);
}

/** The line with which a stand-in answers a connection, which identifies it. Rejects if there is none within 5 s. */
export function askIdentity(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect({ host, port, timeout: 5_000 });
    const refuse = (why: Error) => {
      socket.destroy();
      reject(why);
    };
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (!text.includes("\n")) return;
      socket.destroy();
      resolve(text.slice(0, text.indexOf("\n")));
    });
    socket.on("timeout", () => refuse(new Error(`${host}:${port} did not say who it is within 5 s`)));
    socket.on("end", () => refuse(new Error(`${host}:${port} closed without saying who it is`)));
    socket.on("error", refuse);
  });
}

/** Asks every 10 ms until the answer is there, or gives up after `timeoutMs`. */
export async function eventually<T>(ask: () => Promise<T | undefined>, timeoutMs = 15_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`no answer within ${timeoutMs} ms: ${ask}`);
    await delay(10);
  }
}

/** A stand-in that runs; removed by `await using`. */
export class RunningStandin implements AsyncDisposable {
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }

  async logs(): Promise<string> {
    const { stdout, stderr } = await dockerCli(["logs", this.id]);
    return stdout + stderr;
  }

  /** `iris session` with the script on its stdin. */
  session(script: string): Promise<CommandResult> {
    return dockerCli(["exec", "-i", this.id, ...SESSION_COMMAND], script);
  }

  /** A file of the stand-in, or undefined while it does not exist. */
  async file(path: string): Promise<string | undefined> {
    const { exitCode, stdout } = await dockerCli(["exec", this.id, "cat", path]);
    return exitCode === 0 ? stdout : undefined;
  }

  /** The host port to which a container port is published on IPv4. */
  async hostPort(containerPort: number): Promise<number> {
    const [line = ""] = (await docker("port", this.id, `${containerPort}/tcp`)).split("\n");
    return Number(line.slice(line.lastIndexOf(":") + 1));
  }

  /** Waits until the container has ended, and returns its exit code. */
  async exitCode(): Promise<number> {
    return Number(await docker("wait", this.id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await docker("rm", "--force", "--volumes", this.id);
  }
}

/** What a stand-in is started with; see tests/fixtures/iris-standin/README.md for its switches. */
export type StandinOptions = {
  readonly environment?: Readonly<Record<string, string>>;
  /** Further arguments of `docker run`. */
  readonly arguments?: readonly string[];
  /** Arguments of the stand-in's own main program. */
  readonly command?: readonly string[];
  /** Do not wait for the line that says it has started. */
  readonly isImpatient?: boolean;
};

/** Starts a stand-in whose ports are published to random ports of the loopback address. */
export async function startedStandin(options: StandinOptions = {}): Promise<RunningStandin> {
  const environment = Object.entries(options.environment ?? {}).flatMap(([name, value]) => [
    "--env",
    `${name}=${value}`,
  ]);
  const ports = ["--publish", "127.0.0.1::1972", "--publish", "127.0.0.1::52773"];
  const image = await ensureStandin();
  const more = options.arguments ?? [];
  const id = await docker("run", "--detach", ...ports, ...environment, ...more, image, ...(options.command ?? []));
  const standin = new RunningStandin(id);
  if (options.isImpatient) return standin;
  try {
    await eventually(async () => (READY_LINE.test(await standin.logs()) ? true : undefined));
  } catch (error) {
    await standin[Symbol.asyncDispose]();
    throw error;
  }
  return standin;
}
