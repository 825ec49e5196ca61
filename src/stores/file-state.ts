import fs from "node:fs";
import { osCode } from "../errors/os-code.ts";

/** The state of a path on the disk; symbolic links are reported and never followed. */
export type FileState = {
  readonly path: string;
  readonly kind: "missing" | "file" | "directory" | "link" | "other" | "inaccessible";
  /** There unless it is `missing` or `inaccessible`. */
  readonly stat?: fs.Stats;
  /** Why it is `inaccessible`, e.g. `EACCES`. */
  readonly code?: string;
};

/** Reads the state of a path; problems become part of the result. */
export function fileState(path: string): FileState {
  try {
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    return stat === undefined ? { path, kind: "missing" } : { path, kind: kindOf(stat), stat };
  } catch (cause) {
    return { path, kind: "inaccessible", code: osCode(cause) };
  }
}

/** The system's error code if this user cannot read and write it or, for a directory, create files in it. */
export function accessProblem({ path, kind }: FileState): string | undefined {
  const { R_OK, W_OK, X_OK } = fs.constants;
  try {
    fs.accessSync(path, kind === "directory" ? R_OK | W_OK | X_OK : R_OK | W_OK);
    return undefined;
  } catch (cause) {
    return osCode(cause);
  }
}

/** Linux file systems that only show the state of the system: proc, sysfs, debugfs, tracefs, securityfs, cgroup, devpts. */
const SYSTEM_VIEWS = [0x9fa0, 0x62656572, 0x64626720, 0x74726163, 0x73636673, 0x27e0eb, 0x63677270, 0x1cd1];

/** True for a directory of /proc and the like, in which no file can be made whatever its mode says. */
export function isSystemView(directory: string): boolean {
  try {
    return process.platform === "linux" && SYSTEM_VIEWS.includes(fs.statfsSync(directory).type);
  } catch (cause) {
    if (osCode(cause) === "") throw cause;
    return false;
  }
}

/** The names in a directory; none if it cannot be read. */
export function namesIn(state: FileState): readonly string[] {
  if (state.kind !== "directory") return [];
  try {
    return fs.readdirSync(state.path);
  } catch (cause) {
    if (osCode(cause) === "") throw cause;
    return [];
  }
}

function kindOf(stat: fs.Stats): FileState["kind"] {
  if (stat.isSymbolicLink()) return "link";
  if (stat.isDirectory()) return "directory";
  return stat.isFile() ? "file" : "other";
}
