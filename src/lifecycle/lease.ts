import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import { warn } from "../errors/warning.ts";
import type { Acquisition, AssignOptions } from "../registry/allocation/request.ts";
import type { PortAssignment } from "../registry/assignment.ts";
import { containerLabels } from "../registry/container-labels.ts";
import { observeMaker } from "../registry/evidence/makers.ts";
import { isRemovableBy } from "../registry/evidence/ownership.ts";
import { type Holder, uniqueProcessHolder } from "../registry/holder.ts";
import type { PortRegistry } from "../registry/registry.ts";
import { releaseIfAssigned } from "../registry/release-if-assigned.ts";

const debug = createDebug("iris-ports:lifecycle");
/** Longer than IRIS takes to shut down, to be committed to an image, and to start. Later, a restart counts as abandoned. */
const LONGEST_RESTART_MS = 600_000;
const POLL_MS = 100;

/** How a start acquires its assignment. */
export type LeaseOptions = Pick<AssignOptions, "instance" | "preferredPort" | "hasWebPort"> & {
  readonly project: string | undefined;
  /** The holder. @default this process, for one use of the container */
  readonly holder?: Holder | undefined;
};

/** One start's claim to a project's assignment, from before its container exists until it has left the container. */
export class Lease {
  readonly registry: PortRegistry;
  readonly #options: AssignOptions & { readonly holder: Holder };
  readonly #refusedPorts: number[] = [];
  #acquisition: Acquisition;
  #isFailureReported = false;
  #isRecorded = true;
  #lastRestart: Promise<unknown> = Promise.resolve();

  private constructor(
    registry: PortRegistry,
    options: AssignOptions & { readonly holder: Holder },
    acquisition: Acquisition,
  ) {
    this.registry = registry;
    this.#options = options;
    this.#acquisition = acquisition;
  }

  /** Takes or joins the project's assignment. */
  static async begin(registry: PortRegistry, { project, ...wanted }: LeaseOptions): Promise<Lease> {
    const holder = wanted.holder ?? (await uniqueProcessHolder({ usesContainer: true }));
    return Lease.of(registry, await registry.acquire(project, { ...wanted, holder }), wanted);
  }

  /** A lease of an assignment that was acquired already. */
  static of(registry: PortRegistry, acquisition: Acquisition, wanted: AssignOptions): Lease {
    const { assignment, holder } = acquisition;
    const { preferredPort, hasWebPort } = wanted;
    // The project of the lease is fixed, even if the environment changes later.
    return new Lease(registry, { preferredPort, hasWebPort, instance: assignment.instance, holder }, acquisition);
  }

  get assignment(): PortAssignment {
    return this.#acquisition.assignment;
  }

  get generation(): string {
    return this.#acquisition.generation;
  }

  get holderId(): string {
    return this.#options.holder.id;
  }

  /** The host ports that belong to the assignment. */
  get hostPorts(): readonly number[] {
    const { port, webPort } = this.assignment;
    return webPort === undefined ? [port] : [port, webPort];
  }

  /** The labels of a container that is made for the lease. */
  labels(lifetime: "holders" | "kept"): Record<string, string> {
    const { assignment, generation } = this;
    const { registryPath } = this.registry;
    return containerLabels({ assignment, generation, registryPath, creator: this.#options.holder, lifetime });
  }

  /** Reads the assignment again, which another start may have moved, and drops dead holders. */
  async renew(): Promise<void> {
    this.#acquisition = await this.registry.acquire(this.assignment, this.#options);
  }

  /**
   * Replaces the port, which the engine refused.
   * @throws PortConflictError when it was asked for by number, or others rely on it
   */
  async move(): Promise<void> {
    this.#refusedPorts.push(this.assignment.port);
    this.#acquisition = await this.registry.reassign(this.assignment, {
      ...this.#options,
      refusedPorts: this.#refusedPorts,
    });
  }

  /** The ids of the other users of the container, as of the last {@link renew}, without those known to be gone. */
  get others(): ReadonlySet<string> {
    return this.#acquisition.otherUsers;
  }

  /**
   * Leaves the container, and returns whether this was its last user; later starts then wait until {@link release}. A
   * registry that cannot be written is reported, and the readable document decides.
   */
  async beginLeave(isContainerKept: boolean): Promise<{ readonly isLast: boolean }> {
    const { holder } = this.#options;
    try {
      const { isLast, isUnrecorded } = await this.registry.beginLeave(this.assignment, { holder, isContainerKept });
      this.#isRecorded = !isUnrecorded;
      return { isLast };
    } catch (error) {
      report(`Leaving the container of ${this.assignment.projectKey}`, error);
      this.#isFailureReported = true;
      this.#isRecorded = false;
      return { isLast: !(await this.#hasVisibleOthers()) };
    }
  }

  /** Whether the last user may remove a container with these labels; see {@link isRemovableBy}. */
  async mayRemove(labels: Readonly<Record<string, string>>): Promise<boolean> {
    const leaver = { holderId: this.holderId, isRecorded: this.#isRecorded };
    return isRemovableBy(labels, leaver, await observeMaker(labels));
  }

  /** Reverts {@link beginLeave} if the container could not be removed, so that other starts do not wait. */
  async stay(): Promise<void> {
    try {
      await this.renew();
    } catch (error) {
      debug("%s could not be kept: %o", this.assignment.projectKey, error);
    }
  }

  /** True if another user was restarting the container at the last {@link renew}. */
  get isBeingRestarted(): boolean {
    return this.#acquisition.isBeingRestarted;
  }

  /** Runs work that ends the container and starts it again, one user after the other; starts wait until it runs. */
  whileRestarting<T>(work: () => Promise<T>): Promise<T> {
    const run = async () => {
      while (!(await this.#announceRestart(new Date(Date.now() + LONGEST_RESTART_MS)))) await delay(POLL_MS);
      try {
        return await work();
      } finally {
        await this.#announceRestart(undefined);
      }
    };
    const restart = this.#lastRestart.then(run, run);
    this.#lastRestart = restart;
    return restart;
  }

  /**
   * False while another user restarts the container. A failure is reported, not thrown: without the announcement, a start at
   * the same time may replace the container.
   */
  async #announceRestart(until: Date | undefined): Promise<boolean> {
    try {
      return await this.registry.announceRestart(this.assignment, { holder: this.#options.holder, until });
    } catch (error) {
      report(`Announcing the restart of the container of ${this.assignment.projectKey}`, error);
      return true;
    }
  }

  /** Releases the port. A failure is reported, not thrown, so that it does not replace a test's own result. */
  async release(): Promise<void> {
    const { holder } = this.#options;
    try {
      await releaseIfAssigned(this.registry, this.assignment, { holder });
    } catch (error) {
      if (!this.#isFailureReported) report(`Releasing port ${this.assignment.port}`, error);
    }
  }

  async #hasVisibleOthers(): Promise<boolean> {
    try {
      const listed = await this.registry.inspect(this.assignment);
      return (listed?.holders ?? []).some(({ id, usesContainer }) => usesContainer && id !== this.holderId);
    } catch (error) {
      debug("the holders of %s are unknown: %o", this.assignment.projectKey, error);
      return false;
    }
  }
}

function report(attempt: string, error: unknown): void {
  const code = (error as { code?: unknown } | null)?.code;
  const message = `${attempt} failed: ${error instanceof Error ? error.message : String(error)}`;
  warn(message, typeof code === "string" ? code : undefined);
}
