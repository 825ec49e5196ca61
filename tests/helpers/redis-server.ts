import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";

const START_TIMEOUT_MS = 20_000;

/** A real `redis-server` of the test's own, on loopback, in a directory of its own. */
export class RedisServer {
  readonly port: number;
  readonly directory = mkdtempSync(join(tmpdir(), "iris-ports-redis-"));
  #options: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, options: readonly string[]) {
    this.port = port;
    this.#options = options;
  }

  /** @param options as on the command line of redis-server */
  static async start(options: readonly string[] = ["--appendonly", "yes"]): Promise<RedisServer> {
    const server = await RedisServer.startFor(options);
    onTestFinished(() => server.dispose());
    return server;
  }

  /** One that its caller disposes of. */
  static async startFor(options: readonly string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), options);
    await server.start();
    return server;
  }

  /** One that forgets everything when it is restarted. */
  static async volatile(): Promise<RedisServer> {
    return RedisServer.start(["--appendonly", "no"]);
  }

  /** For `IRIS_PORT_REGISTRY`. */
  url(parameters = "name=test", login = ""): string {
    return `redis://${login}127.0.0.1:${this.port}/0?${parameters}`;
  }

  async start(): Promise<void> {
    const base = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.directory, "--save", ""];
    const child = spawn("redis-server", [...base, "--logfile", "redis.log", ...this.#options], { stdio: "ignore" });
    this.#process = child;
    const failed = once(child, "error").then(([error]) => {
      throw new Error(`redis-server cannot be started (Debian: apt-get install redis-server): ${error}`);
    });
    await Promise.race([failed, this.#answers()]);
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGCONT");
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  /** It accepts connections and answers nothing, until it is continued. */
  suspend(): void {
    this.#process?.kill("SIGSTOP");
  }

  continue(): void {
    this.#process?.kill("SIGCONT");
  }

  /** Sends one command in its inline form, and returns the raw answer. */
  async command(line: string): Promise<string> {
    const socket = connect({ host: "127.0.0.1", port: this.port });
    try {
      await once(socket, "connect");
      socket.write(`${line}\r\n`);
      const [answer] = (await once(socket, "data")) as [Buffer];
      return answer.toString();
    } finally {
      socket.destroy();
    }
  }

  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #answers(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadline) {
      const answer = await this.command("PING").catch(() => "");
      // A server with a password answers, too.
      if (/^(\+PONG|-NOAUTH)/.test(answer)) return;
      await delay(20);
    }
    throw new Error(`redis-server did not answer on port ${this.port}; see redis.log in ${this.directory}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
