import fs from "node:fs";
import { dirname, join } from "node:path";
import createDebug from "debug";
import type { EngineAddress } from "./engine-address.ts";

const debug = createDebug("iris-ports:docker");

/** The IDs of the engines that answered, by their incarnation. */
const ids = new Map<string, string>();

/**
 * The ID of the engine at an address. It is asked only where the same engine has not answered before, to this process or by
 * what is `known`: the question is the slowest of all, because Docker describes its whole host for it.
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

/**
 * Changes whenever an engine starts at a local socket: the socket, and the file beside it in which Docker notes its process,
 * as both are on the disk. Undefined where there are none.
 */
export function incarnationOf({ socketPath }: EngineAddress): string | undefined {
  if (socketPath === undefined) return undefined;
  try {
    const stats = [socketPath, join(dirname(socketPath), "docker.pid")].map((path) => fs.statSync(path));
    return [socketPath, ...stats.map(({ dev, ino, ctimeMs }) => `${dev}:${ino}:${ctimeMs}`)].join(" ");
  } catch (cause) {
    debug("whether another engine has started at %s cannot be told: %o", socketPath, cause);
    return undefined;
  }
}
