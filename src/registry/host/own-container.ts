import fs from "node:fs";
import createDebug from "debug";
import type { ContainerEngine } from "../../docker/engine.ts";
import type { ContainerIdentity, Holder } from "../holder.ts";
import { currentMachine } from "./process-identity.ts";

const debug = createDebug("iris-ports:liveness");

/** The container in which this process runs. It never changes, so it is cached once it is known. */
export class OwnContainer {
  readonly #engine: ContainerEngine | undefined;
  #found: ContainerIdentity | "none" | undefined;

  constructor(engine: ContainerEngine | undefined) {
    this.#engine = engine;
  }

  /** The holder with this container, if its process runs in the container as well. */
  async noteIn(holder: Holder): Promise<Holder> {
    if (holder.kind === "manual" || holder.container !== undefined) return holder;
    const { process } = holder;
    if (process !== undefined && process.pidNamespace !== (await currentMachine()).pidNamespace) return holder;
    const container = await this.#identify();
    return container === undefined ? holder : { ...holder, container };
  }

  /** The container's identity on its engine; undefined outside of containers, or if the engine cannot be asked. */
  async #identify(): Promise<ContainerIdentity | undefined> {
    const engine = this.#engine;
    if (process.platform !== "linux" || engine?.identify === undefined || engine.startedAt === undefined)
      return undefined;
    if (this.#found === undefined) {
      const [mountinfo, cgroup] = ownFiles();
      const id = containerIdIn(mountinfo ?? "", cgroup ?? "");
      if (id !== undefined) this.#found = await identityOf(id, engine);
      else if (mountinfo !== undefined && cgroup !== undefined) this.#found = "none";
    }
    return this.#found === "none" ? undefined : this.#found;
  }
}

async function identityOf(id: string, engine: ContainerEngine): Promise<ContainerIdentity | undefined> {
  try {
    // Only the engine that runs the container can prove later that it is gone.
    const [engineId, startedAt] = await Promise.all([engine.identify?.(), engine.startedAt?.(id)]);
    return engineId === undefined || startedAt === undefined ? undefined : { id, engine: engineId, startedAt };
  } catch (cause) {
    debug("the engine was not asked for container %s: %o", id, cause);
    return undefined;
  }
}

/** The id of the container that this process runs in; undefined if the system does not tell. */
export function ownContainerId(): string | undefined {
  const [mountinfo = "", cgroup = ""] = ownFiles();
  return containerIdIn(mountinfo, cgroup);
}

function ownFiles() {
  return [textOf("/proc/self/mountinfo"), textOf("/proc/self/cgroup")] as const;
}

/**
 * The id in the files that an engine mounts into its containers, or in the control group's name. Mount points alone do
 * not count: an engine's host sees those of all its containers.
 * @see proc_pid_mountinfo(5), whose fourth field is the mounted directory and whose fifth the mount point
 */
export function containerIdIn(mountinfo: string, cgroup: string): string | undefined {
  for (const line of mountinfo.split("\n")) {
    const [, , , root = "", point = ""] = line.split(" ");
    const id = /\/(?:containers|overlay-containers|vfs-containers)\/([0-9a-f]{64})\//.exec(root)?.[1];
    if (id !== undefined && /^\/etc\/(hostname|hosts|resolv\.conf)$/.test(point)) return id;
  }
  return /(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?$/m.exec(cgroup)?.[1];
}

function textOf(path: string): string | undefined {
  try {
    return fs.readFileSync(path, "utf8");
  } catch (cause) {
    debug("%s cannot be read: %o", path, cause);
    return undefined;
  }
}
