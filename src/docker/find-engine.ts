import createDebug from "debug";
import { configuredAddress, defaultAddresses, type EngineAddress } from "./engine-address.ts";
import { EngineAbsentError } from "./engine-error.ts";

const debug = createDebug("iris-ports:docker");
const PING_TIMEOUT_MS = 1_000;

/**
 * The configured engine, whether it answers or not. If none is configured, the first default socket at which an engine
 * answers: a socket may be left by an engine that has ended, or not accessible to this user.
 *
 * @param dockerHost - instead of looking for one; as in `DOCKER_HOST`
 * @throws EngineAbsentError if no engine is configured and there is no default socket
 * @throws ContainerEngineError when what is configured is invalid
 */
export async function findEngine(dockerHost?: string): Promise<EngineAddress> {
  const configured = configuredAddress(dockerHost);
  if (configured !== undefined) return configured;
  const candidates = defaultAddresses();
  const [first] = candidates;
  if (first === undefined) throw new EngineAbsentError();
  // A single socket needs no test; the request itself shows whether an engine answers.
  return candidates.length === 1 ? first : ((await firstAnswering(candidates)) ?? first);
}

/** The first of the default sockets, other than `address`, at which an engine answers. */
export async function findOtherEngine(address: EngineAddress): Promise<EngineAddress | undefined> {
  return firstAnswering(defaultAddresses().filter(({ endpoint }) => endpoint !== address.endpoint));
}

async function firstAnswering(candidates: readonly EngineAddress[]): Promise<EngineAddress | undefined> {
  for (const candidate of candidates) if (await answers(candidate)) return candidate;
  return undefined;
}

async function answers({ socketPath, endpoint }: EngineAddress): Promise<boolean> {
  const { request } = await import("node:http");
  return new Promise((resolve) => {
    const options = { socketPath, path: "/_ping", agent: false, timeout: PING_TIMEOUT_MS } as const;
    const ping = request(options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
      ping.destroy();
    });
    ping.once("timeout", () => ping.destroy(new Error(`no answer within ${PING_TIMEOUT_MS} ms`)));
    ping.once("error", (error) => {
      debug("no engine answers at %s: %s", endpoint, error);
      resolve(false);
    });
    ping.end();
  });
}
