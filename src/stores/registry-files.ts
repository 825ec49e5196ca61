import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RegistryAccessError } from "../errors/errors.ts";
import { osCode } from "../errors/os-code.ts";
import { accessError } from "./access-errors.ts";
import { CommitChain, parseToken } from "./commit-chain.ts";
import type { CommitToken, RegistryDocument } from "./document.ts";
import { DocumentError, NewerSchemaError } from "./document-error.ts";
import { HALF_WRITTEN_MS } from "./document-reader.ts";
import { fileNames } from "./file-names.ts";
import { type FileState, fileState, namesIn } from "./file-state.ts";
import { lockOwnerIn, OWNER_NOTE } from "./lock-owner.ts";
import { parseDocument } from "./parse-document.ts";
import { recoverDocument } from "./recover-document.ts";
import { wasRegistry } from "./registry-evidence.ts";
import { readRegularFile } from "./safe-file.ts";
import { STALE_MS } from "./turnstile.ts";

/** The content of the document. */
export type DocumentState =
  | { readonly kind: "missing" }
  | { readonly kind: "readable"; readonly document: RegistryDocument; readonly token: CommitToken | undefined }
  /** It was emptied or half written; `document` is what iris-ports goes on from. */
  | { readonly kind: "damaged"; readonly reason: string; readonly document: RegistryDocument }
  /** `wasRegistry`: false for a file that seems to belong to another program. */
  | { readonly kind: "corrupt"; readonly reason: string; readonly wasRegistry: boolean }
  | { readonly kind: "newer"; readonly schemaVersion: string }
  | { readonly kind: "inaccessible"; readonly error: RegistryAccessError };

/** The content of the commit directory. */
export type CommitState = {
  readonly file: FileState;
  /** The newest version; several only if an old one was restored by hand. */
  readonly heads: readonly CommitToken[];
  /** True if the newest version is claimed but not yet published: its writer is still working, or was killed. */
  readonly isPending: boolean;
  /** Versions that can no longer be published, and prepared directories that were not used. */
  readonly leftovers: readonly string[];
  /** Files that iris-ports did not create. */
  readonly foreign: readonly string[];
};

/** The state of the lock, read without taking it. */
export type LockState = {
  readonly file: FileState;
  /** True if no process refreshes it: its owner was killed, stopped, or is not iris-ports. */
  readonly isStale: boolean;
  /** True if it contains files; a lock is an empty directory and cannot be taken over otherwise. */
  readonly isObstructed: boolean;
  /** The process that took it last, as it described itself. */
  readonly owner: string | undefined;
};

/** All files of a registry. */
export type RegistryFiles = {
  readonly directory: FileState;
  readonly document: FileState;
  readonly content: DocumentState;
  readonly commits: CommitState;
  readonly lock: LockState;
  /** The Python tool's lock file. */
  readonly neighbour: FileState;
};

/** A lock is refreshed every second; the rest is for busy machines and for clocks that differ on a network file system. */
const LOCK_STALE_MS = 2 * STALE_MS;
/** A prepared directory is renamed within milliseconds. */
const PREPARED_STALE_MS = 60_000;

/** Reads the state of a registry's files, whatever it is, and changes nothing. */
export async function inspectFiles(documentPath: string): Promise<RegistryFiles> {
  const content = await readContent(documentPath);
  const commits = inspectCommits(documentPath);
  return {
    directory: fileState(dirname(documentPath)),
    document: fileState(documentPath),
    content,
    commits,
    lock: inspectLock(documentPath, commits.file),
    neighbour: fileState(fileNames(documentPath).neighbourLock),
  };
}

async function readContent(path: string): Promise<DocumentState> {
  const deadline = performance.now() + HALF_WRITTEN_MS;
  for (;;) {
    const state = contentNow(path);
    if ((state.kind !== "corrupt" && state.kind !== "damaged") || performance.now() > deadline) return state;
    await delay(5);
  }
}

function contentNow(path: string): DocumentState {
  try {
    return contentOf(path, new CommitChain(path, false));
  } catch (cause) {
    if (cause instanceof NewerSchemaError) return { kind: "newer", schemaVersion: cause.schemaVersion };
    if (osCode(cause) === "") throw cause;
    return { kind: "inaccessible", error: accessError(path, path, cause) };
  }
}

function contentOf(path: string, chain: CommitChain): DocumentState {
  const bytes = readRegularFile(path)?.bytes;
  if (bytes === undefined) return { kind: "missing" };
  try {
    return { kind: "readable", ...parseDocument(bytes.toString(), () => chain.lastVersion()?.toString()) };
  } catch (cause) {
    if (!(cause instanceof DocumentError)) throw cause;
    const document = recoverDocument(chain, bytes);
    return document === undefined
      ? { kind: "corrupt", reason: cause.message, wasRegistry: wasRegistry(path, bytes) }
      : { kind: "damaged", reason: cause.message, document };
  }
}

function inspectCommits(documentPath: string): CommitState {
  const file = fileState(fileNames(documentPath).commits);
  const all = namesIn(file);
  const names = all.filter((name) => fileState(join(file.path, name)).kind === "file");
  const heads = names.map((name) => parseToken(name, "head")).filter((token) => token !== undefined);
  const newest = Math.max(...heads.map((head) => head.revision));
  const isOfHead = (name: string) => heads.some((head) => name === `data.${head.revision}.${head.commit}`);
  const isOld = (name: string) => (parseToken(name, "data")?.revision ?? Number.POSITIVE_INFINITY) <= newest;
  const isKnown = (name: string) =>
    name === OWNER_NOTE ||
    (parseToken(name, "head") ?? parseToken(name, "data") ?? parseToken(name, "copy")) !== undefined;
  return {
    file,
    heads,
    isPending: names.some(isOfHead),
    leftovers: [
      ...names.filter((name) => !isOfHead(name) && isOld(name)).map((name) => join(file.path, name)),
      ...unusedPreparations(documentPath),
    ],
    foreign: all.filter((name) => !(names.includes(name) && isKnown(name))).map((name) => join(file.path, name)),
  };
}

function unusedPreparations(documentPath: string): readonly string[] {
  const directory = fileState(dirname(documentPath));
  const prefix = `${basename(fileNames(documentPath).commits)}.`;
  return namesIn(directory)
    .filter((name) => name.startsWith(prefix) && /^[0-9a-f]{12}$/.test(name.slice(prefix.length)))
    .map((name) => fileState(join(directory.path, name)))
    .filter(({ kind, stat }) => kind === "directory" && ageMs(stat) > PREPARED_STALE_MS)
    .map(({ path }) => path);
}

function inspectLock(documentPath: string, commitDirectory: FileState): LockState {
  const file = fileState(fileNames(documentPath).lock);
  return {
    file,
    isStale: Math.abs(ageMs(file.stat)) > LOCK_STALE_MS,
    isObstructed: file.kind === "directory" ? namesIn(file).length > 0 : file.kind !== "missing",
    owner: commitDirectory.kind === "directory" ? lockOwnerIn(commitDirectory.path) : undefined,
  };
}

/** The age of a file; negative if its clock is ahead of ours, 0 if there is no file. */
function ageMs(stat: FileState["stat"]): number {
  return stat === undefined ? 0 : Date.now() - stat.mtimeMs;
}
