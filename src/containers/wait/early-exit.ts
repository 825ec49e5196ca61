import createDebug from "debug";
import type { ContainerHost } from "../../docker/container-host.ts";

const debug = createDebug("iris-ports:containers");
/** Longer than a start usually takes, so that most containers are not asked at all. */
const POLL_MS = 200;

/**
 * A container that ends as soon as it was started. Testcontainers waits for its ports for ten seconds, and then says no
 * more than that.
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
    // It may come when nobody waits for it any more.
    this.#death.promise.catch((error: unknown) => debug("an early death: %s", error));
  }

  /** What the start comes to, unless the container dies before. */
  async orElse<T>(start: Promise<T>): Promise<T> {
    return Promise.race([start, this.#death.promise]);
  }

  watch(id: string): void {
    this.#timer = setTimeout(() => {
      // What hinders the look hinders the start as well, which says so.
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
