import type { PortWithOptionalBinding, WaitStrategy } from "testcontainers";
import { engineWords } from "../../docker/engine-error-kinds.ts";
import { IrisPortsError } from "../../errors/base.ts";
import { startError } from "../engine/start-failure.ts";

type Arguments = Parameters<WaitStrategy["waitUntilReady"]>;

/**
 * A wait strategy whose failure is one of our errors, with the container's last words. Testcontainers removes a container
 * that does not get ready; for one that others use, a guard takes the failure in charge instead of throwing it.
 */
export class SharedWaitStrategy implements WaitStrategy {
  readonly #strategy: WaitStrategy;
  readonly #ports: readonly PortWithOptionalBinding[];
  #isShared: boolean;
  #failure: unknown;

  /** @param ports those that the strategy is told of, if the container publishes them */
  constructor(strategy: WaitStrategy, isShared: boolean, ports: readonly PortWithOptionalBinding[]) {
    this.#strategy = strategy;
    this.#isShared = isShared;
    this.#ports = ports;
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
    try {
      await this.#strategy.waitUntilReady(container, boundPorts.filter([...this.#ports]), ...rest);
    } catch (cause) {
      const failure = cause instanceof IrisPortsError ? cause : await startError(container, notReady(cause));
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
