import fs from "node:fs";
import { dirname } from "node:path";
import { osCode } from "../errors/os-code.ts";
import { changeMode, changeOwner, groupFor } from "./safe-file.ts";

/** Makes a directory of the registry, and those above it that are missing, unless it is there. */
export function makePrivateDirectory(path: string): void {
  // With `sudo` it must not lock out the user in whose home it is created.
  makeDirectories(path, 0o700, (made) => makeLikeParent(made, fs.statSync(dirname(made))));
}

/**
 * Makes a directory, and those above it that are missing, unless it is there. Not by mkdir's own recursion: where the
 * system says ENOENT below a directory that exists (/proc/x) Node never returns, and it takes EROFS for ENOENT.
 */
export function makeDirectories(path: string, mode: number, onMade: (made: string) => void = () => {}): void {
  const missing: string[] = [];
  for (let at = path; fs.statSync(at, { throwIfNoEntry: false }) === undefined; at = dirname(at)) missing.push(at);
  for (const made of missing.reverse()) {
    try {
      fs.mkdirSync(made, { mode });
    } catch (cause) {
      // Another process has just made it.
      if (osCode(cause) === "EEXIST" && fs.statSync(made, { throwIfNoEntry: false })?.isDirectory()) continue;
      throw cause;
    }
    onMade(made);
  }
}

/**
 * A file that root creates belongs to the owner of its directory, and a file that a member creates in a group-writable
 * directory belongs to the group.
 */
export function makeLikeParent(directory: string, parent: fs.Stats): void {
  if (process.platform === "win32") return;
  const fd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW);
  try {
    changeOwner(fd, fs.fstatSync(fd), { uid: parent.uid, gid: groupFor(parent) });
  } finally {
    fs.closeSync(fd);
  }
}

/** Gives a new directory the owner of its parent and, if a group shares the parent, the group's rights. */
export function makeSharedDirectory(made: string, parent: fs.Stats): void {
  makeLikeParent(made, parent);
  const shared = parent.mode & 0o070;
  if (shared !== 0) changeMode(made, (fs.statSync(made).mode & 0o7700) | shared);
}
