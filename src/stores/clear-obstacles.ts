import fs from "node:fs";
import { osCode } from "../errors/os-code.ts";
import { accessError } from "./access-errors.ts";
import { hasCommits, notRegistryError } from "./registry-evidence.ts";
import { inspectFiles } from "./registry-files.ts";
import { asideName } from "./safe-file.ts";
import type { Cleared } from "./store.ts";

/**
 * Removes what prevents a registry from being changed: a stale lock, anything else in the place of the lock or of the commit
 * directory, a link in the place of the document, and leftovers of killed processes. Never touches a document. Harmless
 * while other processes work, because commits are fenced.
 * @throws RegistryCorruptError for a file or a link that never was a registry, unless `isForced`
 * @throws RegistryAccessError
 */
export async function clearObstacles(documentPath: string, isForced: boolean): Promise<readonly Cleared[]> {
  const { document, content, commits, lock } = await inspectFiles(documentPath);
  if (!isForced && document.kind === "link" && !hasCommits(documentPath))
    throw notRegistryError(documentPath, "a symbolic link");
  if (!isForced && content.kind === "corrupt" && !content.wasRegistry)
    throw notRegistryError(documentPath, "not a registry document");
  const cleared: Cleared[] = [];
  const attempt = (path: string, work: () => Cleared | undefined) => {
    try {
      const done = work();
      if (done !== undefined) cleared.push(done);
    } catch (cause) {
      if (osCode(cause) === "ENOENT") return;
      throw accessError(documentPath, path, cause);
    }
  };
  if (document.kind === "link") attempt(document.path, () => moveAside(document.path));
  if (commits.file.kind !== "missing" && commits.file.kind !== "directory")
    attempt(commits.file.path, () => moveAside(commits.file.path));
  if (lock.file.kind === "directory" ? lock.isStale : lock.isObstructed)
    attempt(lock.file.path, () => (lock.isObstructed ? moveAside(lock.file.path) : removeLock(lock.file.path)));
  for (const path of commits.leftovers) attempt(path, () => remove(path));
  return cleared;
}

/** Removes a lock only if it is still an empty directory. */
function removeLock(path: string): Cleared {
  fs.rmdirSync(path);
  return { path };
}

function remove(path: string): Cleared {
  fs.rmSync(path, { recursive: true });
  return { path };
}

/** Moves a file aside; renaming moves a link itself, not its target. */
function moveAside(path: string): Cleared {
  const keptAs = asideName(path);
  fs.renameSync(path, keptAs);
  return { path, keptAs };
}
