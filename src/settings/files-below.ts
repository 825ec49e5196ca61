import { type Dirent, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

/** More are a mistake, such as `/`, and reading them would fill the memory. */
const MOST_FILES = 1_000;

/** How a list of files is read. */
export type FileListOptions = {
  /** Relative paths count from this directory. */
  readonly base: string;
  /** The error for a path that cannot be used. */
  readonly refusal: (path: string, problem: string, remedy: string) => Error;
};

/**
 * The files that a path names, as paths that begin like it: itself, or for a directory all files below it, sorted by path.
 * @throws the refusal of a directory that cannot be read, or has too many files
 */
export function namedFiles(path: string, options: FileListOptions): readonly string[] {
  if (!isDirectory(resolve(options.base, path))) return [path];
  const files: string[] = [];
  const directories = [path];
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for (const entry of entriesOf(directory, options)) {
      const below = join(directory, entry.name);
      if (entry.isDirectory()) directories.push(below);
      else if (entry.isFile()) files.push(below);
    }
    if (files.length > MOST_FILES) {
      const problem = `names a directory with more than ${MOST_FILES} files`;
      throw options.refusal(path, problem, "name the directory that holds the files, or the files");
    }
  }
  return files.sort();
}

/** False also if the system cannot tell: reading it as a file then says why. */
function isDirectory(absolute: string): boolean {
  try {
    return statSync(absolute).isDirectory();
  } catch {
    return false;
  }
}

function entriesOf(directory: string, { base, refusal }: FileListOptions): readonly Dirent[] {
  try {
    return readdirSync(resolve(base, directory), { withFileTypes: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problem = `names a directory that cannot be read (${reason})`;
    throw refusal(directory, problem, "give this user access to it, or name the files");
  }
}
