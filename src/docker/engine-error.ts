import { ContainerEngineError } from "../errors/errors.ts";
import { osCode } from "../errors/os-code.ts";

/** The HTTP status of the engine's answer, if `error` comes from one. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === "number" ? status : undefined;
}

/** No engine is configured, and none of the default sockets exists: there are no containers on this machine. */
export class EngineAbsentError extends ContainerEngineError {
  constructor() {
    super({
      what: "No container engine was found.",
      state: "DOCKER_HOST is not set, there is no Docker context, and none of the default sockets exists.",
      remedy: "install or start Docker (`docker info` must answer), or set DOCKER_HOST to the engine's address",
    });
  }
}

/**
 * Explains a failure of the engine at `endpoint`.
 * @param source - the setting that names the engine, if one does
 */
export function engineError(endpoint: string, error: unknown, source?: string): ContainerEngineError {
  if (error instanceof ContainerEngineError) return error;
  const words = error instanceof Error ? error.message.trim() : String(error);
  const state = `Its answer: ${words}`;
  if (statusOf(error) !== undefined) {
    return new ContainerEngineError({
      what: `The container engine at ${endpoint} refused the request.`,
      state,
      remedy: "see `docker info` and the engine's own log",
      cause: error,
    });
  }
  switch (osCode(error)) {
    case "EACCES":
    case "EPERM":
      return new ContainerEngineError({
        what: `This user has no permission to use the container engine at ${endpoint}.`,
        state: words,
        remedy:
          'join the group that owns the socket (`sudo usermod -aG docker "$USER"`, then log in again), or set DOCKER_HOST',
        cause: error,
      });
    case "ENOENT":
    case "ECONNREFUSED":
    case "ENOTFOUND":
    case "EHOSTUNREACH":
      return new ContainerEngineError({
        what: `No container engine answers at ${endpoint}.`,
        state: source === undefined ? words : `Its address comes from ${source}.\n${words}`,
        remedy:
          source === undefined
            ? "start it (`sudo systemctl start docker`, or Docker Desktop), or set DOCKER_HOST to its address"
            : `start it, or correct ${source}`,
        cause: error,
      });
    case "ECONNRESET":
    case "EPIPE":
      return new ContainerEngineError({
        what: `The container engine at ${endpoint} closed the connection.`,
        state: words,
        remedy: "see whether it runs, with `docker info`; if another program listens there, correct DOCKER_HOST",
        cause: error,
      });
    default:
      return new ContainerEngineError({
        what: `The container engine at ${endpoint} sent an unexpected response.`,
        state,
        remedy: "check with `docker info` what listens there, and correct DOCKER_HOST",
        cause: error,
      });
  }
}

/** The engine accepted a request and did not answer it in time. */
export function engineTimeoutError(endpoint: string, timeoutMs: number): ContainerEngineError {
  return new ContainerEngineError({
    what: `The container engine at ${endpoint} did not answer within ${Math.max(0.1, Math.round(timeoutMs / 100) / 10)} s.`,
    remedy: "check `docker ps`; restart the engine if that hangs as well",
  });
}
