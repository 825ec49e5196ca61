import type { WaitStrategy } from "testcontainers";
import type { ContainerHost } from "../../docker/container-host.ts";
import { IRIS_STARTUP_TIMEOUT_MS } from "../../iris/image.ts";
import type { SetupOptions } from "../../iris/session-scripts.ts";
import { LIBRARY_ADVICE } from "../../lifecycle/advice.ts";
import { waitForIris } from "../../lifecycle/wait-for-iris.ts";

type Arguments = Parameters<WaitStrategy["waitUntilReady"]>;

/** Waits until IRIS accepts a session, which creates the user and the namespace. */
export class IrisWaitStrategy implements WaitStrategy {
  readonly #host: ContainerHost;
  readonly #setup: SetupOptions;
  readonly #usersOwn: WaitStrategy | undefined;
  #startupTimeoutMs = IRIS_STARTUP_TIMEOUT_MS;
  #isTimeoutSet = false;

  /** @param usersOwn replaces the wait for the log line */
  constructor(host: ContainerHost, setup: SetupOptions, usersOwn?: WaitStrategy) {
    this.#host = host;
    this.#setup = setup;
    this.#usersOwn = usersOwn;
  }

  withStartupTimeout(startupTimeoutMs: number): this {
    this.#startupTimeoutMs = startupTimeoutMs;
    this.#isTimeoutSet = true;
    return this;
  }

  isStartupTimeoutSet(): boolean {
    return this.#isTimeoutSet;
  }

  /** The time-out of both waits together. */
  getStartupTimeout(): number {
    return (
      this.#startupTimeoutMs + (this.#usersOwn === undefined ? 0 : this.#limited(this.#usersOwn).getStartupTimeout())
    );
  }

  async waitUntilReady(...[container, ...rest]: Arguments): Promise<void> {
    if (this.#usersOwn !== undefined) await this.#limited(this.#usersOwn).waitUntilReady(container, ...rest);
    await waitForIris(this.#host, container.id, {
      setup: this.#setup,
      timeoutMs: this.#startupTimeoutMs,
      advice: LIBRARY_ADVICE,
      isLogAwaited: this.#usersOwn === undefined,
    });
  }

  #limited(strategy: WaitStrategy): WaitStrategy {
    return strategy.isStartupTimeoutSet() ? strategy : strategy.withStartupTimeout(this.#startupTimeoutMs);
  }
}
