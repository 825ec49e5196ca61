import fs from "node:fs";
import { basename, dirname, join } from "node:path";

/** The real path of what exists of an absolute path, and the rest as given. */
export function realPath(path: string): string {
  const missing: string[] = [];
  for (let existing = path; ; existing = dirname(existing)) {
    try {
      return join(fs.realpathSync.native(existing), ...missing);
    } catch {
      // Any failure means the same here: this part cannot be resolved, its parent perhaps can.
      if (dirname(existing) === existing) return path;
      missing.unshift(basename(existing));
    }
  }
}
