import { IrisPortsError } from "./base.ts";

/** A caller's argument, option or environment value is not usable. Nothing was changed. */
export class InvalidArgumentError extends IrisPortsError<{ readonly argument: string; readonly value: unknown }> {
  override readonly code = "INVALID_ARGUMENT";
  /** The name of the argument, option or environment variable. */
  declare readonly argument: string;
  /** The value as it was given. */
  declare readonly value: unknown;
}

/** The document is not valid. It was not touched, and a copy is kept at `backupPath` if one could be made. */
export class RegistryCorruptError extends IrisPortsError<{
  readonly registryPath: string;
  readonly backupPath?: string | undefined;
}> {
  override readonly code = "REGISTRY_CORRUPT";
  /** The document. */
  declare readonly registryPath: string;
  /** The copy of its bytes; undefined if none could be made. */
  declare readonly backupPath: string | undefined;
}

/** The registry cannot be read or written: permissions, a full or read-only file system, a path of the wrong kind. */
export class RegistryAccessError extends IrisPortsError<{ readonly registryPath: string }> {
  override readonly code = "REGISTRY_ACCESS";
  /** The document, or the address of its server. */
  declare readonly registryPath: string;
}

/** The document was written by a newer schema than this version knows. Nothing was touched. */
export class RegistrySchemaError extends IrisPortsError<{
  readonly registryPath: string;
  readonly schemaVersion: string;
}> {
  override readonly code = "REGISTRY_SCHEMA";
  /** The document. */
  declare readonly registryPath: string;
  /** The schema version that the document names. */
  declare readonly schemaVersion: string;
}

/** The registry's lock was not obtained within the lock time-out. Nothing was changed. */
export class PortAssignmentTimeoutError extends IrisPortsError<{
  readonly registryPath: string;
  readonly lockPath: string;
  readonly timeoutMs: number;
  readonly lockOwner?: string | undefined;
}> {
  override readonly code = "PORT_ASSIGNMENT_TIMEOUT";
  /** The document. */
  declare readonly registryPath: string;
  /** The lock that was not obtained. */
  declare readonly lockPath: string;
  /** How long the operation waited, in milliseconds. */
  declare readonly timeoutMs: number;
  /** The process that seems to hold the lock; undefined if it is not known. */
  declare readonly lockOwner: string | undefined;
}

/** The container engine did not answer, or refused the request. */
export class ContainerEngineError extends IrisPortsError {
  override readonly code = "CONTAINER_ENGINE";
}

/** The container was created but did not become usable. */
export class ContainerStartError extends IrisPortsError<{ readonly logTail?: string | undefined }> {
  override readonly code = "CONTAINER_START";
  /** The last lines of the container's log; undefined if there are none. */
  declare readonly logTail: string | undefined;
}

/** The project's running container was started with another image, other credentials or another configuration. */
export class ContainerMismatchError extends IrisPortsError<{ readonly containerName: string }> {
  override readonly code = "CONTAINER_MISMATCH";
  /** The name of the running container. */
  declare readonly containerName: string;
}

/** What an IRIS session reported about a part of its work. */
type SessionFailure = {
  readonly namespace: string;
  readonly words: string;
  readonly line?: number | undefined;
  readonly statement?: string | undefined;
  readonly sqlCode?: number | undefined;
  readonly errors?: readonly string[] | undefined;
  readonly output?: string | undefined;
};

/** IRIS refused ObjectScript, SQL or a class, or a session ended before its script did. What ran before it has run. */
export class IrisSessionError extends IrisPortsError<SessionFailure> {
  override readonly code = "IRIS_SESSION";
  /** The namespace in which it ran. */
  declare readonly namespace: string;
  /** The message of IRIS, such as `<UNDEFINED>*x` or the text of a failed %Status. */
  declare readonly words: string;
  /** The line of the script or file, from 1; undefined if it is not known. */
  declare readonly line: number | undefined;
  /** The statement that was refused; undefined if it is not known. */
  declare readonly statement: string | undefined;
  /** SQLCODE, a negative number; only for SQL. */
  declare readonly sqlCode: number | undefined;
  /** All errors of the compiler; only for classes and routines. */
  declare readonly errors: readonly string[] | undefined;
  /** The output of the refused part up to its failure. */
  declare readonly output: string | undefined;
}
