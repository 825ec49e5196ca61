import createDebug from "debug";
import type { ContainerHost } from "../../docker/container-host.ts";

const debug = createDebug("iris-ports:containers");
/** Longer than a start usually takes, so that most containers are not checked at all. */
const POLL_MS = 200;

/**
 * Detects a container that ends right after its start. Testcontainers would wait for its ports for ten seconds and report
 * only that.
 */
export class EarlyExit {
  readonly #host: ContainerHost;
  readonly #explain: (id: string) => Promise<Error>;
  readonly #death = Promise.withResolvers<never>();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /** @param explain says why the container ended */
  constructor(host: ContainerHost, explain: (id: string) => Promise<Error>) {
    this.#host = host;
    this.#explain = explain;
    // It may be rejected when it is no longer awaited.
    this.#death.promise.catch((error: unknown) => debug("an early death: %s", error));
  }

  /** The result of the start, unless the container ends before. */
  async orElse<T>(start: Promise<T>): Promise<T> {
    return Promise.race([start, this.#death.promise]);
  }

  watch(id: string): void {
    this.#timer = setTimeout(() => {
      // If this check fails, the start fails as well, and reports the problem.
      this.#look(id).catch((error: unknown) => debug("%s cannot be inspected: %o", id, error));
    }, POLL_MS);
  }

  stopWatching(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  async #look(id: string): Promise<void> {
    const found = await this.#host.find(id);
    const hasEnded = found?.state === "exited" || found?.state === "dead";
    if (hasEnded) this.#death.reject(await this.#explain(id));
    else if (!this.#isOver) this.watch(id);
  }
}
