import type { PortWithOptionalBinding, WaitStrategy } from "testcontainers";
import type { ContainerHost } from "../../docker/container-host.ts";
import { engineTimeoutError } from "../../docker/engine-error.ts";
import { engineWords } from "../../docker/engine-error-kinds.ts";
import { IrisPortsError } from "../../errors/base.ts";
import { engineLoss, startFailure } from "../../lifecycle/start-failure.ts";
import { withinTime } from "../engine/time-limit.ts";

/** How much longer than its own time-out a strategy may take, so that it can report what it waited for. */
const GRACE_MS = 10_000;

type Arguments = Parameters<WaitStrategy["waitUntilReady"]>;

/** The subject of a wait. */
export type SharedWait = {
  readonly host: ContainerHost;
  /** True if others may use the container as well. */
  readonly isShared: boolean;
  /** The ports that the strategy waits for, if the container publishes them. */
  readonly ports: readonly PortWithOptionalBinding[];
  /** An additional check after the strategy. */
  readonly check: (id: string, timeoutMs: number) => Promise<unknown>;
};

/**
 * A wait strategy whose failure is one of our errors, with the last lines of the container's log. Testcontainers removes a
 * container that does not get ready. Once others may use it, the failure is recorded instead of thrown.
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
      this.#isShared = true;
    } catch (cause) {
      const failure = await failureOf(host, container.id, cause);
      if (!this.#isShared) throw failure;
      this.#failure = failure;
    }
  }

  /** Throws the failure of the last wait, if it was recorded. */
  throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }
}

async function failureOf(host: ContainerHost, id: string, cause: unknown): Promise<IrisPortsError> {
  if (cause instanceof IrisPortsError) return cause;
  return (await engineLoss(host, id, cause)) ?? (await startFailure(host, id, notReady(cause)));
}

function notReady(cause: unknown) {
  return {
    what: "The container was started, but did not become ready.",
    state: engineWords(cause),
    remedy: "read its log, and check that the wait strategy and withStartupTimeout() are right for the image",
    cause,
  };
}
