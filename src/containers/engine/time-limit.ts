import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";

/** The requests of a piece of work and of the work that contains it. */
type Scope = { readonly made: Set<ClientRequest>; readonly outer: Scope | undefined };

const scopes = new AsyncLocalStorage<Scope>();

// A request that waits for its input, as of an exec, is made long before it is sent.
subscribe("http.client.request.created", (message) => {
  const { request } = message as { readonly request: ClientRequest };
  for (let scope = scopes.getStore(); scope !== undefined; scope = scope.outer) scope.made.add(request);
});

/** The time-out of work, and the error if it takes longer or is aborted. */
export type TimeLimit = {
  readonly timeoutMs: number;
  readonly late: () => Error;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Gives up work with an engine that takes too long. Testcontainers' client waits for answers for ever, and its open requests
 * would keep this process running, so they are closed.
 * @param work gets a function that lifts the limit
 */
export async function withinTime<T>(
  { timeoutMs, late, signal }: TimeLimit,
  work: (lift: () => void) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const scope: Scope = { made: new Set(), outer: scopes.getStore() };
  const given = Promise.withResolvers<never>();
  const give = (up: unknown) => {
    given.reject(up);
    for (const request of scope.made) request.destroy();
  };
  const abort = () => give(signal?.reason);
  const timer = setTimeout(() => give(late()), timeoutMs);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([scopes.run(scope, () => work(() => clearTimeout(timer))), given.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
