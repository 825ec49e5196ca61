import { statSync } from "node:fs";
import { dirname } from "node:path";
import createDebug from "debug";
import { osCode } from "../../stores/safe-file.ts";
import type { Verdict } from "../evidence/liveness.ts";
import { currentMachine } from "./process-identity.ts";

const debug = createDebug("iris-ports:liveness");

/** A directory and its file system. A directory on an unmounted file system is missing, but not deleted. */
export type DirectoryIdentity = {
  readonly path: string;
  /** The machine, as in {@link ProcessIdentity}. */
  readonly host: string;
  /** The device number of the file system. */
  readonly device: number;
};

/** The identity of a directory; undefined if it cannot be read. */
export async function identifyDirectory(path: string): Promise<DirectoryIdentity | undefined> {
  const device = deviceOf(path);
  return typeof device === "number" ? { path, host: (await currentMachine()).host, device } : undefined;
}

/**
 * `gone` only if the nearest existing parent is on the directory's own file system. Otherwise the directory's file system
 * may only be unmounted.
 */
export async function observeDirectory({ path, host, device }: DirectoryIdentity): Promise<Verdict> {
  if (host !== (await currentMachine()).host) return "unknown";
  for (let existing = path; ; existing = dirname(existing)) {
    const found = deviceOf(existing);
    if (typeof found === "number") return existing === path ? "alive" : found === device ? "gone" : "unknown";
    if (found === "unreadable" || dirname(existing) === existing) return "unknown";
  }
}

function deviceOf(path: string): number | "missing" | "unreadable" {
  try {
    return statSync(path).dev;
  } catch (cause) {
    if (osCode(cause) === "ENOENT") return "missing";
    debug("%s cannot be read: %o", path, cause);
    return "unreadable";
  }
}
