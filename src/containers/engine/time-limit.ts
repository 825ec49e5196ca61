import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";

/** The requests that are made on behalf of a piece of work, and of the work that it is a part of. */
type Scope = { readonly made: Set<ClientRequest>; readonly outer: Scope | undefined };

const scopes = new AsyncLocalStorage<Scope>();

subscribe("http.client.request.start", (message) => {
  const { request } = message as { readonly request: ClientRequest };
  for (let scope = scopes.getStore(); scope !== undefined; scope = scope.outer) scope.made.add(request);
});

/** How long work may take, and what it fails with when it takes longer or is aborted. */
export type TimeLimit = {
  readonly timeoutMs: number;
  readonly late: () => Error;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Gives work up that talks to an engine and takes too long. Testcontainers' client waits for an answer for ever, and its
 * open requests would keep this process from ending: they are closed.
 * @param work is given a function that lifts the limit
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
