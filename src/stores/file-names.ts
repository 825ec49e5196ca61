import { basename, dirname, extname, join } from "node:path";

/** The names of all files beside a registry's document. */
export type FileNames = {
  /** The directory that is the lock, while it exists. */
  readonly lock: string;
  /** The commit chain's directory. */
  readonly commits: string;
  /** The directory with the tickets of processes that wait for the lock. */
  readonly queue: string;
  /** The file that the Python tool `iris-devtester` locks while it writes the document. */
  readonly neighbourLock: string;
};

/** The names that belong to a document. */
export function fileNames(documentPath: string): FileNames {
  const neighbourLock = join(dirname(documentPath), `${basename(documentPath, extname(documentPath))}.lock`);
  // Without an extension both tools would use one name, and Python's lock is a file.
  const isShared = neighbourLock === `${documentPath}.lock`;
  return {
    lock: isShared ? `${documentPath}.lock.d` : `${documentPath}.lock`,
    commits: `${documentPath}.commit`,
    queue: `${documentPath}.queue`,
    neighbourLock,
  };
}
