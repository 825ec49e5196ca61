import fs from "node:fs";
import { dirname, join } from "node:path";
import createDebug from "debug";
import { osCode } from "../../errors/os-code.ts";
import type { Verdict } from "../evidence/liveness.ts";
import { currentMachine } from "./process-identity.ts";

const debug = createDebug("iris-ports:liveness");

/** A directory and its file system. A directory on an unmounted file system is missing, but not deleted. */
export type DirectoryIdentity = {
  /** The absolute path. */
  readonly path: string;
  /** The machine, as in {@link ProcessIdentity}. */
  readonly host: string;
  /** Its host name, in a registry that several hosts share. */
  readonly hostName?: string;
  /** The device number of the file system. */
  readonly device: number;
  /** Where its file system is mounted; undefined if the system does not tell. One file system can be mounted several times. */
  readonly mount?: string;
};

/** The identity of a directory; undefined if it cannot be read. */
export async function identifyDirectory(path: string): Promise<DirectoryIdentity | undefined> {
  const device = deviceOf(path);
  if (typeof device !== "number") return undefined;
  const mount = mountOf(path);
  return { path, host: (await currentMachine()).host, device, ...(mount !== undefined && { mount }) };
}

/**
 * `gone` only if the nearest existing parent is on the directory's own file system, mounted at the same place. Otherwise the
 * directory's file system may only be unmounted.
 */
export async function observeDirectory({ path, host, device, mount }: DirectoryIdentity): Promise<Verdict> {
  if (host !== (await currentMachine()).host) return "unknown";
  for (let existing = path; ; existing = dirname(existing)) {
    const found = deviceOf(existing);
    if (typeof found === "number" && existing === path) return "alive";
    const isMounted = found === device && (mount === undefined || mount === mountOf(existing));
    if (typeof found === "number") return isMounted ? "gone" : "unknown";
    if (found === "unreadable" || dirname(existing) === existing) return "unknown";
  }
}

function deviceOf(path: string): number | "missing" | "unreadable" {
  try {
    return fs.statSync(path).dev;
  } catch (cause) {
    if (osCode(cause) === "ENOENT") return "missing";
    debug("%s cannot be read: %o", path, cause);
    return "unreadable";
  }
}

/** The mount point above a directory. @see proc_pid_mountinfo(5), whose fifth field is octal where it has white space */
function mountOf(path: string): string | undefined {
  try {
    const lines = fs.readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    const points = lines.map((line) => decoded(line.split(" ")[4] ?? ""));
    const above = points.filter((point) => point === path || (point !== "" && path.startsWith(join(point, "/"))));
    return above.sort((a, b) => b.length - a.length)[0];
  } catch (cause) {
    debug("the mount of %s is unknown: %o", path, cause);
    return undefined;
  }
}

function decoded(field: string): string {
  return field.replace(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
