import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/**
 * One address in front of a Redis server: a service in front of a failover, another name of one server, or a network
 * that loses something.
 */
export class RedisProxy {
  #port: number;
  #listenPort = 0;
  readonly #sockets = new Set<Socket>();
  #isRefusing = false;
  #losing: "request" | "answer" | undefined;
  #held: Buffer[] | undefined;
  #rewrite = (answer: Buffer) => answer;

  private constructor(port: number) {
    this.#port = port;
  }

  static async open(port: number): Promise<RedisProxy> {
    const proxy = new RedisProxy(port);
    const server = createServer((socket) => proxy.#forward(socket));
    server.listen({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    proxy.#listenPort = (server.address() as AddressInfo).port;
    onTestFinished(() => {
      proxy.#drop();
      server.close();
    });
    return proxy;
  }

  /** For `IRIS_PORT_REGISTRY`. */
  url(parameters = "name=test"): string {
    return `redis://127.0.0.1:${this.#listenPort}/0?${parameters}`;
  }

  /** Cuts every connection; later ones lead to another server. */
  pointTo(port: number): void {
    this.#port = port;
    this.#drop();
  }

  /** Leaves every connection; later ones lead to another server. */
  leadLaterTo(port: number): void {
    this.#port = port;
  }

  /** Cuts the connection when the next request comes, or the answer to it; later connections work. */
  loseNext(what: "request" | "answer"): void {
    this.#losing = what;
  }

  /** Cuts later connections at once, until they are accepted again. */
  refuse(isRefusing = true): void {
    this.#isRefusing = isRefusing;
  }

  /** Holds back what the server says, until it is released at once. */
  hold(): void {
    this.#held = [];
  }

  get held(): string {
    return Buffer.concat(this.#held ?? []).toString();
  }

  release(): void {
    const held = Buffer.concat(this.#held ?? []);
    this.#held = undefined;
    for (const socket of this.#sockets) if (socket.localPort === this.#listenPort) socket.write(held);
  }

  /** Changes what the server says. */
  rewrite(change: (answer: Buffer) => Buffer): void {
    this.#rewrite = change;
  }

  #drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #forward(client: Socket): void {
    if (this.#isRefusing) return void client.destroy();
    const server = connect({ host: "127.0.0.1", port: this.#port });
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const each of [client, server]) {
      this.#sockets.add(each);
      each.on("error", end).on("close", end);
    }
    let isAsked = false;
    client.on("data", (request) => {
      isAsked = this.#losing === "answer";
      if (this.#losing === "request") this.#lose(end);
      else server.write(request);
    });
    server.on("data", (answer) => {
      if (isAsked) this.#lose(end);
      else if (this.#held) this.#held.push(answer);
      else client.write(this.#rewrite(answer));
    });
  }

  #lose(end: () => void): void {
    this.#losing = undefined;
    end();
  }
}
