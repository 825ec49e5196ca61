import fs from "node:fs";
import { dirname } from "node:path";
import { IrisPortsError } from "../errors/base.ts";
import { RegistryAccessError, RegistrySchemaError } from "../errors/errors.ts";
import { osCode } from "../errors/os-code.ts";
import { commandText } from "../settings/command-text.ts";
import { NewerSchemaError } from "./document-error.ts";

/** Runs an access to the registry's files; errors of the system and of the schema become the registry's own. */
export async function guarded<T>(registryPath: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof NewerSchemaError) throw newerSchemaError(registryPath, cause);
    if (cause instanceof IrisPortsError || osCode(cause) === "") throw cause;
    throw accessError(registryPath, (cause as NodeJS.ErrnoException).path ?? registryPath, cause);
  }
}

function newerSchemaError(registryPath: string, cause: NewerSchemaError): RegistrySchemaError {
  return new RegistrySchemaError({
    what: `The port registry ${registryPath} has schema_version ${cause.schemaVersion}, which is newer than this iris-ports understands.`,
    state: "Nothing was touched.",
    remedy: "update iris-ports: npm install iris-ports@latest",
    registryPath,
    schemaVersion: cause.schemaVersion,
  });
}

/** Explains why a file of the registry could not be used, and how to fix it. */
export function accessError(registryPath: string, path: string, cause: unknown): RegistryAccessError {
  const code = osCode(cause);
  const [state, remedy] = EXPLANATIONS[code] ?? [
    `The system says: ${cause instanceof Error ? cause.message : String(cause)}`,
    "check the path, or point IRIS_PORT_REGISTRY to a file in a directory that you can write",
  ];
  return new RegistryAccessError({
    what: `The port registry ${registryPath} cannot be used (${code || "error"} at ${path}).`,
    state,
    remedy:
      typeof remedy === "string" ? remedy : remedy(commandText(["doctor", "--repair"], registryPath), registryPath),
    registryPath,
    cause,
  });
}

/** For a failure after the change was published, which must not sound as if nothing had happened. */
export function publishedError(registryPath: string, problem: string, cause: unknown): RegistryAccessError {
  const system = cause instanceof RegistryAccessError ? cause.cause : cause;
  return new RegistryAccessError({
    what: `The port registry ${registryPath} was changed, but ${problem} (${osCode(system) || "error"}).`,
    state: "The change holds, unless the machine fails or another tool writes back what it read before.",
    remedy: `check the disk; see what the registry holds: ${commandText(["list"], registryPath)}`,
    registryPath,
    cause,
  });
}

const ELSEWHERE = "or point IRIS_PORT_REGISTRY to a file in a directory that you can write";
const EXPLANATIONS: Readonly<
  Record<string, readonly [state: string, remedy: string | ((repair: string, registryPath: string) => string)]>
> = {
  EACCES: [
    "This user may not read or write it. Nothing was changed.",
    `give this user access to the file and its directory, ${ELSEWHERE}`,
  ],
  EPERM: [
    "The system does not permit it for this user. Nothing was changed.",
    `check the owner and attributes of the file and its directory, ${ELSEWHERE}`,
  ],
  EROFS: ["The file system is read-only. Nothing was changed.", `make it writable, ${ELSEWHERE}`],
  ENOSPC: ["No space is left on the file system. The registry is as it was.", `free some space, ${ELSEWHERE}`],
  EDQUOT: ["The disk quota is used up. The registry is as it was.", `free some space, ${ELSEWHERE}`],
  EISDIR: ["It is a directory, not a file.", "set IRIS_PORT_REGISTRY to the path of a file"],
  // mkdir reports this even if the directory above exists.
  ENOENT: [
    "The system cannot create a file there, as below /proc and /dev/fd, or the directory was removed. Nothing was changed.",
    `correct the registry's path, ${ELSEWHERE}`,
  ],
  ENOTDIR: [
    "A file or a link is where a directory is needed. Nothing was changed.",
    (repair, path) =>
      fs.statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory()
        ? `move aside what is in the place of a lock or commit directory: ${repair}`
        : `correct the registry's path, ${ELSEWHERE}`,
  ],
  ENOTEMPTY: [
    "A lock is an empty directory, but this one holds files. Nothing was changed.",
    (repair) => `move it aside: ${repair}`,
  ],
  ENOTREG: ["It is a device, socket or pipe, not a file.", "set IRIS_PORT_REGISTRY to the path of a file"],
  ELOOP: [
    "It is a symbolic link, and the registry never follows one. Nothing was read or written through it.",
    (repair) => `set IRIS_PORT_REGISTRY to the file it points to, or move the link aside: ${repair}`,
  ],
  ENAMETOOLONG: ["The path is too long for the file system.", "set IRIS_PORT_REGISTRY to a shorter path"],
};
