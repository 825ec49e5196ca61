import type { Readable } from "node:stream";
import createDebug from "debug";
import type { CommitOptions, RestartOptions, StartedTestContainer } from "testcontainers";
import { engineError } from "../docker/engine-error.ts";
import { IrisPortsError } from "../errors/base.ts";
import type { Lease } from "../lifecycle/lease.ts";
import { endFailure } from "../lifecycle/start-failure.ts";
import { BLANK_LABELS } from "../registry/container-labels.ts";
import type { OpenRequests } from "./engine/open-requests.ts";
import type { RyukSession } from "./engine/ryuk-session.ts";
import type { TestcontainersHost } from "./engine/testcontainers-host.ts";
import type { SharedWaitStrategy } from "./wait/shared-wait-strategy.ts";

const debug = createDebug("iris-ports:containers");

/** A container in use, and what must be released afterwards. */
export type ContainerUse = {
  readonly container: StartedTestContainer;
  readonly containerPort: number;
  readonly host: TestcontainersHost;
  /** The host of its ports. */
  readonly address: string;
  /** Undefined if the port does not come from a registry. */
  readonly lease: Lease | undefined;
  /** True if the container is kept: even its last user does not remove it. */
  readonly isKept: boolean;
  /** Whether `stop()` removes it, unless told otherwise. */
  readonly isRemovedByStop: boolean;
  readonly session: RyukSession | undefined;
  /** The log stream of the user's log consumer. */
  readonly log: Readable | undefined;
  /** The wait for the container, repeated by a restart. */
  readonly wait: SharedWaitStrategy | undefined;
  /** The open requests of the start, such as for that log, and of later calls. */
  readonly requests: OpenRequests;
};

/** A clean shutdown of the service in the container, which ends the container: before a restart, an image, and `stop()`. */
export type Shutdown = {
  readonly run: () => Promise<void>;
  /** False if the container can be removed without it. */
  readonly isNeededForRemoval: () => Promise<boolean>;
};

/** Restarts the container for all of its users, one after the other. */
export async function restartContainer(
  use: ContainerUse,
  shutdown: Shutdown | undefined,
  options: Partial<RestartOptions>,
): Promise<void> {
  await whileRestarting(use, async () => {
    await shutdown?.run();
    await restart(use, options);
  });
}

/** Makes an image of the container, which is shut down before and started again after. */
export async function commitContainer(
  use: ContainerUse,
  shutdown: Shutdown | undefined,
  options: CommitOptions,
): Promise<string> {
  // Otherwise containers made from the image would count as the project's container and be removed as such.
  const blanks = Object.keys(BLANK_LABELS).map((name) => `LABEL ${name}=`);
  const changes = [...blanks, ...(options.changes ?? [])];
  const commit = () => ask(use, () => use.container.commit({ ...options, changes }));
  // Also without a shutdown, because the engine pauses the container for it.
  return await whileRestarting(use, async () => {
    if (shutdown === undefined) return await commit();
    await shutdown.run();
    try {
      return await commit();
    } finally {
      await restart(use, {});
    }
  });
}

/** Runs work during which the container does not run, after that of other users. */
export function whileRestarting<T>({ lease }: ContainerUse, work: () => Promise<T>): Promise<T> {
  return lease === undefined ? work() : lease.whileRestarting(work);
}

async function restart(use: ContainerUse, options: Partial<RestartOptions>): Promise<void> {
  const { container, host, wait } = use;
  const id = container.getId();
  try {
    await ask(use, () => container.restart(options));
  } catch (error) {
    // Testcontainers waits for the ports of a container that has ended, and reports only that.
    if (await hasEnded(host, id)) throw await endFailure(host, id, () => undefined, error);
    throw error;
  }
  wait?.throwFailure();
}

async function ask<T>({ host }: ContainerUse, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw error instanceof IrisPortsError ? error : engineError(host.endpoint, error);
  }
}

/** False also if the engine does not tell. */
async function hasEnded(host: TestcontainersHost, id: string): Promise<boolean> {
  try {
    return (await host.find(id))?.isRunning === false;
  } catch (error) {
    debug("it is unknown whether %s runs: %o", id, error);
    return false;
  }
}
