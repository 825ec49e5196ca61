import { statusOf } from "./engine-error.ts";

/** An error's message without dockerode's `(HTTP code 500) server error - ` in front of it. */
export function engineWords(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^\(HTTP code \d+\)[^-]*- /, "").trim();
}

/** There is no such container, image or exec (any more). */
export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404;
}

/** The container is just being removed, or is not in the state for what was asked. */
export function isInTheWay(error: unknown): boolean {
  return statusOf(error) === 409;
}

/** Somebody else has just started it. */
export function isStartedAlready(error: unknown): boolean {
  return statusOf(error) === 304;
}

/**
 * A container of that name exists: somebody else was faster. Podman answers 500, in nearly the same words.
 * @see https://github.com/moby/moby/blob/master/daemon/names.go
 */
export function isNameTaken(error: unknown): boolean {
  return /container name .* already in use/is.test(engineWords(error));
}

/**
 * True when the engine could not publish one of the host ports because something else listens there. A refusal that names
 * only other ports is another matter: moving these would not help.
 */
export function isPortRefused(error: unknown, hostPorts: readonly number[]): boolean {
  const words = engineWords(error);
  if (!REFUSALS.some((refusal) => refusal.test(words))) return false;
  const named = [...words.matchAll(/:(\d{1,5})(?=\D|$)/g)].map(([, port]) => Number(port));
  return named.length === 0 || named.some((port) => hostPorts.includes(port));
}

const REFUSALS: readonly RegExp[] = [
  // Docker: another container has it.
  /port is already allocated/i,
  // Docker, rootless Docker, podman: another process has it.
  /address already in use/i,
  // Docker Desktop, in front of whatever its host said.
  /ports are not available/i,
  // Windows: in use, or in a range that the system keeps for itself.
  /only one usage of each socket address/i,
  /access a socket in a way forbidden/i,
];
