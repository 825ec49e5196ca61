import fs from "node:fs";
import { osCode } from "./safe-file.ts";

/** What a name stands for on the disk: a symbolic link is one, and is never followed. */
export type FileState = {
  readonly path: string;
  readonly kind: "missing" | "file" | "directory" | "link" | "other" | "inaccessible";
  /** There unless it is `missing` or `inaccessible`. */
  readonly stat?: fs.Stats;
  /** Why it is `inaccessible`, e.g. `EACCES`. */
  readonly code?: string;
};

/** Looks at a name; whatever is wrong with it becomes part of the answer. */
export function fileState(path: string): FileState {
  try {
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    return stat === undefined ? { path, kind: "missing" } : { path, kind: kindOf(stat), stat };
  } catch (cause) {
    return { path, kind: "inaccessible", code: osCode(cause) };
  }
}

/** The code of the system for what keeps this user from reading and writing (in a directory: also making files). */
export function accessProblem({ path, kind }: FileState): string | undefined {
  const { R_OK, W_OK, X_OK } = fs.constants;
  try {
    fs.accessSync(path, kind === "directory" ? R_OK | W_OK | X_OK : R_OK | W_OK);
    return undefined;
  } catch (cause) {
    return osCode(cause);
  }
}

/** The names in a directory; none where it cannot be read. */
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
