import { setTimeout as delay } from "node:timers/promises";
import { Wait, type WaitStrategy } from "testcontainers";
import type { ContainerHost } from "../../docker/container-host.ts";
import { answers } from "../../lifecycle/reach.ts";

const POLL_MS = 100;

type Arguments = Parameters<WaitStrategy["waitUntilReady"]>;

/** Makes a wait for listening ports connect to the published addresses; other strategies are returned unchanged. */
export function atPublishedAddresses(
  strategy: WaitStrategy,
  host: ContainerHost,
  hostOf: (portKey: string) => string,
): WaitStrategy {
  const isForPorts = strategy.constructor === Wait.forListeningPorts().constructor;
  return isForPorts ? new PortsWaitStrategy(strategy, host, hostOf) : strategy;
}

/**
 * A container is ready if it listens on its TCP ports and answers at their published addresses. Testcontainers' own strategy
 * connects to one host for all ports, whatever addresses they are bound to.
 */
class PortsWaitStrategy implements WaitStrategy {
  /** Keeps the time-out. */
  readonly #original: WaitStrategy;
  readonly #host: ContainerHost;
  readonly #hostOf: (portKey: string) => string;

  constructor(original: WaitStrategy, host: ContainerHost, hostOf: (portKey: string) => string) {
    this.#original = original;
    this.#host = host;
    this.#hostOf = hostOf;
  }

  withStartupTimeout(startupTimeoutMs: number): this {
    this.#original.withStartupTimeout(startupTimeoutMs);
    return this;
  }

  getStartupTimeout(): number {
    return this.#original.getStartupTimeout();
  }

  isStartupTimeoutSet(): boolean {
    return this.#original.isStartupTimeoutSet();
  }

  async waitUntilReady(...[container, boundPorts]: Arguments): Promise<void> {
    const deadline = performance.now() + this.getStartupTimeout();
    for (const [key, hostPort] of boundPorts.iterator()) {
      if (key.endsWith("/udp")) continue;
      const host = this.#hostOf(key);
      // The engine may accept connections long before the container listens inside.
      await this.#until(
        deadline,
        () => listensInside(this.#host, container.id, key),
        `nothing listens on ${key} in the container`,
      );
      await this.#until(deadline, () => answers(host, hostPort), `${key} does not answer on ${host}:${hostPort}`);
    }
  }

  async #until(deadline: number, isTrue: () => Promise<boolean>, otherwise: string): Promise<void> {
    while (!(await isTrue())) {
      if (performance.now() > deadline) throw new Error(`After ${this.getStartupTimeout()} ms ${otherwise}.`);
      await delay(POLL_MS);
    }
  }
}

/** Tries the tools that the image may have: /proc and grep, nc, or bash. */
async function listensInside(host: ContainerHost, id: string, key: string): Promise<boolean> {
  const port = Number.parseInt(key, 10);
  const hexadecimal = port.toString(16).padStart(4, "0");
  const ways = [
    ["/bin/sh", "-c", `cat /proc/net/tcp* | grep -i ':${hexadecimal} [0-9a-f]*:0000 0a '`],
    ["/bin/sh", "-c", `nc -z -w 1 localhost ${port}`],
    ["/bin/bash", "-c", `</dev/tcp/localhost/${port}`],
  ];
  for (const way of ways) {
    if ((await host.exec(id, way)).exitCode === 0) return true;
  }
  return false;
}
