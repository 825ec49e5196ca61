import fs from "node:fs";
import { dirname, join } from "node:path";
import createDebug from "debug";
import type { EngineAddress } from "./engine-address.ts";

const debug = createDebug("iris-ports:docker");

/** The IDs of the engines that answered, by their incarnation. */
const ids = new Map<string, string>();

/**
 * The ID of the engine at an address. The engine is asked only if its ID is not known from an earlier answer to this
 * process, nor in `known`: this is the slowest request, because Docker describes its whole host for it. If starts of an
 * engine cannot be observed, it is asked each time, because another engine may answer at the same address by now.
 */
export async function engineIdAt(
  address: EngineAddress,
  ask: () => Promise<string>,
  known?: ReadonlyMap<string, string>,
): Promise<string> {
  const incarnation = incarnationOf(address);
  if (incarnation === undefined) return ask();
  const found = ids.get(incarnation) ?? known?.get(incarnation);
  if (found !== undefined) return found;
  const id = await ask();
  if (incarnation === incarnationOf(address)) ids.set(incarnation, id);
  return id;
}

/** Docker's ID, and where it keeps its containers: up to version 24, all engines of one machine share the ID. */
export function dockerId(id: string, storage: unknown): string {
  return storage === "/var/lib/docker" || !storage ? id : `${id}:${storage}`;
}

/** Podman gives a new ID in every answer, so its host name and storage path are used instead. */
export function podmanId(name: unknown, storage: unknown): string {
  return `podman:${name}:${storage}`;
}

/**
 * Changes whenever an engine starts at a local socket: the identity on the disk of the socket, and of the file beside it in
 * which Docker notes its process. Undefined if one of them is missing: the socket alone proves nothing, because Docker
 * Desktop and systemd keep it while another engine starts behind it.
 */
export function incarnationOf({ socketPath }: EngineAddress): string | undefined {
  if (socketPath === undefined) return undefined;
  try {
    const stats = [socketPath, join(dirname(socketPath), "docker.pid")].map((path) => fs.statSync(path));
    return [socketPath, ...stats.map(({ dev, ino, ctimeMs }) => `${dev}:${ino}:${ctimeMs}`)].join(" ");
  } catch (cause) {
    debug("it is unknown whether another engine has started at %s: %o", socketPath, cause);
    return undefined;
  }
}
