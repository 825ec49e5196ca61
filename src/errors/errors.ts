import { IrisPortsError } from "./base.ts";

/** A caller's argument, option or environment value is not usable. Nothing was changed. */
export class InvalidArgumentError extends IrisPortsError<{ readonly argument: string; readonly value: unknown }> {
  override readonly code = "INVALID_ARGUMENT";
  /** The name of the argument, option or environment variable. */
  declare readonly argument: string;
  declare readonly value: unknown;
}

/** The document cannot be understood. Its bytes are untouched, and a copy is kept at `backupPath` where one could be made. */
export class RegistryCorruptError extends IrisPortsError<{
  readonly registryPath: string;
  readonly backupPath?: string | undefined;
}> {
  override readonly code = "REGISTRY_CORRUPT";
  declare readonly registryPath: string;
  declare readonly backupPath: string | undefined;
}

/** The registry cannot be read or written: permissions, a full or read-only file system, a path of the wrong kind. */
export class RegistryAccessError extends IrisPortsError<{ readonly registryPath: string }> {
  override readonly code = "REGISTRY_ACCESS";
  declare readonly registryPath: string;
}

/** The document was written by a newer schema than this version knows. Nothing was touched. */
export class RegistrySchemaError extends IrisPortsError<{
  readonly registryPath: string;
  readonly schemaVersion: string;
}> {
  override readonly code = "REGISTRY_SCHEMA";
  declare readonly registryPath: string;
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
  declare readonly registryPath: string;
  declare readonly lockPath: string;
  /** How long was waited, in milliseconds. */
  declare readonly timeoutMs: number;
  /** The process that seems to hold the lock, where that could be found out. */
  declare readonly lockOwner: string | undefined;
}

/** The container engine did not answer, or refused what was asked. */
export class ContainerEngineError extends IrisPortsError {
  override readonly code = "CONTAINER_ENGINE";
}

/** The container was created but did not become usable; `logTail` holds the last lines of its log. */
export class ContainerStartError extends IrisPortsError<{ readonly logTail?: string | undefined }> {
  override readonly code = "CONTAINER_START";
  declare readonly logTail: string | undefined;
}

/** The project's running container was started with another image, other credentials or another configuration. */
export class ContainerMismatchError extends IrisPortsError<{ readonly containerName: string }> {
  override readonly code = "CONTAINER_MISMATCH";
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
  declare readonly namespace: string;
  /** IRIS's own words, such as `<UNDEFINED>*x` or the text of a failed %Status. */
  declare readonly words: string;
  /** The line of the script or file, from 1, where it is known. */
  declare readonly line: number | undefined;
  /** The statement that was refused, where it is known. */
  declare readonly statement: string | undefined;
  /** Negative; only for SQL. */
  declare readonly sqlCode: number | undefined;
  /** Every error of the compiler; only for classes and routines. */
  declare readonly errors: readonly string[] | undefined;
  /** What the refused part had written by then. */
  declare readonly output: string | undefined;
}
