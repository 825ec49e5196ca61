import type { PortWithOptionalBinding, WaitStrategy } from "testcontainers";
import type { ContainerHost } from "../../docker/container-host.ts";
import { engineTimeoutError } from "../../docker/engine-error.ts";
import { engineWords } from "../../docker/engine-error-kinds.ts";
import { IrisPortsError } from "../../errors/base.ts";
import { startFailure } from "../../lifecycle/start-failure.ts";
import { withinTime } from "../engine/time-limit.ts";

/** What a strategy may take longer than its own time-out, to say what it waits for in vain. */
const GRACE_MS = 10_000;

type Arguments = Parameters<WaitStrategy["waitUntilReady"]>;

/** What a wait is about. */
export type SharedWait = {
  readonly host: ContainerHost;
  /** Others use the container as well. */
  readonly isShared: boolean;
  /** The ports that the strategy is told of, if the container publishes them. */
  readonly ports: readonly PortWithOptionalBinding[];
  /** What has to hold besides, after the strategy. */
  readonly check: (id: string, timeoutMs: number) => Promise<unknown>;
};

/**
 * A wait strategy whose failure is one of our errors, with the container's last words. Testcontainers removes a container
 * that does not get ready; for one that others use, the failure is recorded instead of thrown.
 */
export class SharedWaitStrategy implements WaitStrategy {
  readonly #strategy: WaitStrategy;
  readonly #wait: SharedWait;
  #isShared: boolean;
  #failure: unknown;

  constructor(strategy: WaitStrategy, wait: SharedWait) {
    this.#strategy = strategy;
    this.#wait = wait;
    this.#isShared = wait.isShared;
  }

  withStartupTimeout(startupTimeoutMs: number): this {
    this.#strategy.withStartupTimeout(startupTimeoutMs);
    return this;
  }

  getStartupTimeout(): number {
    return this.#strategy.getStartupTimeout();
  }

  isStartupTimeoutSet(): boolean {
    return this.#strategy.isStartupTimeoutSet();
  }

  async waitUntilReady(...[container, boundPorts, ...rest]: Arguments): Promise<void> {
    const { host, ports, check } = this.#wait;
    const deadline = performance.now() + this.getStartupTimeout();
    const timeoutMs = this.getStartupTimeout() + GRACE_MS;
    const late = () => engineTimeoutError(host.endpoint, timeoutMs);
    try {
      await withinTime({ timeoutMs, late }, async (lift) => {
        await this.#strategy.waitUntilReady(container, boundPorts.filter([...ports]), ...rest);
        lift();
        await check(container.id, deadline - performance.now());
      });
    } catch (cause) {
      const failure = cause instanceof IrisPortsError ? cause : await startFailure(host, container.id, notReady(cause));
      if (!this.#isShared) throw failure;
      this.#failure = failure;
    }
  }

  /** Throws what the first wait failed with; from now on, as in `restart()`, this is a strategy like any other. */
  endSharing(): void {
    this.#isShared = false;
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function notReady(cause: unknown) {
  return {
    what: "The container was started, but did not become ready.",
    state: engineWords(cause),
    remedy: "read its log above, and see whether the wait strategy and withStartupTimeout() suit the image",
    cause,
  };
}
