import { setTimeout as delay } from "node:timers/promises";
import type { ContainerHost } from "../docker/container-host.ts";
import { tcpKey } from "../docker/inspected-container.ts";
import { firstAnswering } from "./reach.ts";
import { startFailure } from "./start-failure.ts";

const POLL_MS = 100;
/** The engine publishes a port when it starts a container, or at once when a network is connected. */
const PUBLISH_MS = 1_000;
/** A port forward of a virtual machine may come later than the container. */
const LONGEST_MS = 30_000;

/** A port of a container that a user is going to connect to. */
export type ServedPort = { readonly containerPort: number; readonly hostPort: number };

/** How to wait for a port. */
export type AnswerOptions = {
  /** The hosts at which the port may be reached, the likeliest first. */
  readonly hosts: readonly string[];
  /** False if only the publication counts. @default true */
  readonly isAnswerAwaited?: boolean | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Waits until the engine publishes the port and the port answers from here, and returns the host at which it answers.
 * @throws ContainerStartError which says which of both failed
 */
export async function awaitAnswer(
  host: ContainerHost,
  id: string,
  { containerPort, hostPort }: ServedPort,
  { hosts, isAnswerAwaited = true, timeoutMs, signal }: AnswerOptions,
): Promise<string> {
  const begunAt = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const found = await host.find(id, { signal });
    const targets = found?.published[tcpKey(containerPort)] ?? [];
    const isPublished = targets.some((target) => target.hostPort === hostPort);
    const answering = isAnswerAwaited ? () => firstAnswering(hosts, hostPort) : () => hosts[0];
    const answer = isPublished ? await answering() : undefined;
    if (answer !== undefined) return answer;
    const limitMs = isPublished ? Math.min(timeoutMs, LONGEST_MS) : PUBLISH_MS;
    if (performance.now() - begunAt > limitMs)
      throw await startFailure(
        host,
        id,
        isPublished ? unreachable(hosts, containerPort, hostPort) : unpublished(containerPort, hostPort),
      );
    await delay(POLL_MS, undefined, { signal });
  }
}

function unpublished(containerPort: number, hostPort: number) {
  return {
    what: `The container runs, but the engine does not publish its port ${containerPort} on host port ${hostPort}.`,
    state: "Nothing outside the container can connect to it.",
    remedy: "connect the container to its network again (docker network connect), or remove it and start it again",
  };
}

function unreachable(hosts: readonly string[], containerPort: number, hostPort: number) {
  return {
    what: `The container runs, but ${hosts.map((host) => `${host}:${hostPort}`).join(" and ")} does not answer from here.`,
    state: `The engine publishes its port ${containerPort} there.`,
    remedy: `check that the program in the container listens on port ${containerPort}, and for a firewall or a missing port forward; TESTCONTAINERS_HOST_OVERRIDE can name another host of the engine`,
  };
}
