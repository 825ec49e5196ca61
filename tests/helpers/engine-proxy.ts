import fs from "node:fs";
import net from "node:net";

/** A socket in front of the engine's, so that a test can stop and start "the engine" without touching it. */
export class EngineProxy {
  readonly socketPath: string;
  readonly #target: string;
  readonly #sockets = new Set<net.Socket>();
  #server: net.Server | undefined;

  constructor(socketPath: string, target = "/var/run/docker.sock") {
    this.socketPath = socketPath;
    this.#target = target;
  }

  async start(): Promise<void> {
    const server = net.createServer((client) => this.#connect(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.socketPath, () => resolve());
    });
  }

  /** Cuts every connection; from then on there is no such socket. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
    fs.rmSync(this.socketPath, { force: true });
  }

  #connect(client: net.Socket): void {
    const engine = net.connect({ path: this.#target, allowHalfOpen: true });
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
