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

  add(request: ClientRequest): void {
    this.#open.add(request);
    request.once("close", () => this.#open.delete(request));
    this.#outer?.add(request);
  }

  during<T>(work: () => T): T {
    return scopes.run(this, work);
  }

  close(): void {
    for (const request of this.#open) request.destroy();
  }
}
