import { statusOf } from "./engine-error.ts";

/** An error's message without what dockerode or the docker command put around it. */
export function engineWords(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/^\(HTTP code \d+\)[^-]*- /, "")
    .replace(/^(Error response from daemon|Error): /, "")
    .replace(/\n*Error: failed to start containers: .*$/s, "")
    .trim();
}

/** True if the container, image or exec does not exist. Podman answers with status 500 if it was removed during the request. */
export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 || says(error, /: no such container$/);
}

/** True if the container is being removed, or is not in the right state for the request, for which podman has status 500. */
export function isInTheWay(error: unknown): boolean {
  return statusOf(error) === 409 || says(error, /: container state improper\b/);
}

/** True if another process has just started the container. */
export function isStartedAlready(error: unknown): boolean {
  return statusOf(error) === 304;
}

/**
 * True if a container of that name exists, because another process was faster. Podman answers with status 500 and nearly the
 * same words.
 * @see https://github.com/moby/moby/blob/master/daemon/names.go
 */
export function isNameTaken(error: unknown): boolean {
  return /container name .* already in use/is.test(engineWords(error));
}

/**
 * True if the engine says, in known words, that it could not publish one of these host ports because it is in use. False
 * for a refusal that names only other ports: choosing another port would not help.
 */
export function saysPortRefused(error: unknown, hostPorts: readonly number[]): boolean {
  const words = engineWords(error);
  if (!REFUSALS.some((refusal) => refusal.test(words))) return false;
  const named = [...words.matchAll(/:(\d{1,5})(?=\D|$)/g)].map(([, port]) => Number(port));
  return named.length === 0 || named.some((port) => hostPorts.includes(port));
}

function says(error: unknown, words: RegExp): boolean {
  return statusOf(error) === 500 && words.test(engineWords(error));
}

const REFUSALS: readonly RegExp[] = [
  // Docker: published by another container.
  /port is already allocated/i,
  // Docker, rootless Docker, podman: used by another process.
  /address already in use/i,
  // Docker Desktop, before the message of its host.
  /ports are not available/i,
  /exposing port .*permission denied/i,
  // Podman's machine: published by another container.
  /conflict with id \S+/i,
  // Windows: in use, or in a range reserved by the system.
  /only one usage of each socket address/i,
  /access a socket in a way forbidden/i,
];
