import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";

const scopes = new AsyncLocalStorage<OpenRequests>();

// Requests are recorded when they are created: a request that waits for input, such as that of an exec, is sent much later.
subscribe("http.client.request.created", (message) => {
  scopes.getStore()?.add((message as { readonly request: ClientRequest }).request);
});

/**
 * The open HTTP requests of a piece of work and of the work that it contains. Testcontainers' client waits for answers for
 * ever, and a request without an answer would keep this process running.
 */
export class OpenRequests {
  readonly #open = new Set<ClientRequest>();
  readonly #outer = scopes.getStore();
  #isGivenUp = false;

  add(request: ClientRequest): void {
    if (this.#isGivenUp) request.destroy();
    this.#open.add(request);
    if (this.#outer === undefined) failIfCutOff(request);
    request.once("close", () => this.#open.delete(request));
    this.#outer?.add(request);
  }

  during<T>(work: () => T): T {
    return scopes.run(this, work);
  }

  /** Also closes what the work requests later, because some of it is repeated after a failure. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.close();
  }

  close(): void {
    for (const request of this.#open) request.destroy();
  }
}

/** dockerode waits for ever for the rest of an answer that breaks off. */
function failIfCutOff(request: ClientRequest): void {
  request.once("response", (response) => {
    response.once("close", () => {
      const isAwaited = !response.complete && request.listenerCount("error") > 0;
      if (isAwaited) request.emit("error", Object.assign(new Error("the answer broke off"), { code: "ECONNRESET" }));
    });
  });
}
