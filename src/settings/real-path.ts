import fs from "node:fs";
import { basename, dirname, join } from "node:path";

/** The absolute path with its existing part resolved; the rest is unchanged. */
export function realPath(path: string): string {
  const missing: string[] = [];
  for (let existing = path; ; existing = dirname(existing)) {
    try {
      return join(fs.realpathSync.native(existing), ...missing);
    } catch {
      // Whatever the failure, this part cannot be resolved; its parent may be.
      if (dirname(existing) === existing) return path;
      missing.unshift(basename(existing));
    }
  }
}
