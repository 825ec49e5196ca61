import fs from "node:fs";
import createDebug from "debug";
import type { ContainerEngine } from "../../docker/engine.ts";
import type { ContainerIdentity } from "../holder.ts";

const debug = createDebug("iris-ports:liveness");

/** The container this process runs in, as its engine knows it; undefined outside, or where the engine cannot be asked. */
export async function identifyContainer(engine: ContainerEngine | undefined): Promise<ContainerIdentity | undefined> {
  if (process.platform !== "linux" || engine?.identify === undefined || engine.startedAt === undefined)
    return undefined;
  const id = ownContainerId();
  if (id === undefined) return undefined;
  try {
    // Only the engine that runs it can prove later that it is gone: another one never knew it.
    const [engineId, startedAt] = await Promise.all([engine.identify(), engine.startedAt(id)]);
    return startedAt === undefined ? undefined : { id, engine: engineId, startedAt };
  } catch (cause) {
    debug("the engine was not asked for container %s: %o", id, cause);
    return undefined;
  }
}

/**
 * The id in the files that an engine mounts into its containers, or in the control group's name. Mount points alone do
 * not count: an engine's host sees those of all its containers.
 * @see proc_pid_mountinfo(5), whose fourth field is the mounted directory and whose fifth is where
 */
export function containerIdIn(mountinfo: string, cgroup: string): string | undefined {
  for (const line of mountinfo.split("\n")) {
    const [, , , root = "", point = ""] = line.split(" ");
    const id = /\/(?:containers|overlay-containers|vfs-containers)\/([0-9a-f]{64})\//.exec(root)?.[1];
    if (id !== undefined && /^\/etc\/(hostname|hosts|resolv\.conf)$/.test(point)) return id;
  }
  return /(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?$/m.exec(cgroup)?.[1];
}

let known: { readonly id: string | undefined } | undefined;

/** A process stays in its container, so that the files are read once; a failure is not remembered. */
function ownContainerId(): string | undefined {
  try {
    known ??= { id: containerIdIn(textOf("/proc/self/mountinfo"), textOf("/proc/self/cgroup")) };
    return known.id;
  } catch (cause) {
    debug("this process's container cannot be told: %o", cause);
    return undefined;
  }
}

function textOf(path: string): string {
  return fs.readFileSync(path, "utf8");
}
