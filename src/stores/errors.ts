/** Every code an iris-ports error can carry. Closed: a new failure needs a new code here and a row in the README. */
export type IrisPortsErrorCode =
  | "PORT_EXHAUSTED"
  | "PORT_CONFLICT"
  | "PORT_ASSIGNMENT_TIMEOUT"
  | "PORT_NOT_ASSIGNED"
  | "REGISTRY_CORRUPT"
  | "REGISTRY_ACCESS"
  | "REGISTRY_SCHEMA"
  | "INVALID_ARGUMENT"
  | "CONTAINER_ENGINE"
  | "CONTAINER_START"
  | "CONTAINER_MISMATCH";

/** What every error says: what happened, what the state is (may be several lines), and how to fix it. */
export type ErrorText = {
  readonly what: string;
  readonly state?: string | undefined;
  readonly remedy: string;
  readonly cause?: unknown;
};

/**
 * The base of every error iris-ports throws on purpose: `message` holds what happened, the state and the remedy;
 * `code` is stable across releases.
 */
export abstract class IrisPortsError extends Error {
  abstract readonly code: IrisPortsErrorCode;
  /** What happened, in one sentence. */
  readonly what: string;
  /** How to fix it, naming real commands. */
  readonly remedy: string;

  constructor(text: ErrorText) {
    const state = text.state ? `\n${text.state}` : "";
    super(`${text.what}${state}\nTo fix: ${text.remedy}`, text.cause === undefined ? undefined : { cause: text.cause });
    this.name = new.target.name;
    this.what = text.what;
    this.remedy = text.remedy;
  }
}

/** The document cannot be understood. Its bytes are untouched, and a copy is kept at `backupPath` where one could be made. */
export class RegistryCorruptError extends IrisPortsError {
  override readonly code = "REGISTRY_CORRUPT";
  readonly registryPath: string;
  readonly backupPath: string | undefined;

  constructor(text: ErrorText & { registryPath: string; backupPath?: string | undefined }) {
    super(text);
    this.registryPath = text.registryPath;
    this.backupPath = text.backupPath;
  }
}

/** The registry cannot be read or written: permissions, a full or read-only file system, a path of the wrong kind. */
export class RegistryAccessError extends IrisPortsError {
  override readonly code = "REGISTRY_ACCESS";
  readonly registryPath: string;

  constructor(text: ErrorText & { registryPath: string }) {
    super(text);
    this.registryPath = text.registryPath;
  }
}

/** The document was written by a newer schema than this version knows. Nothing was touched. */
export class RegistrySchemaError extends IrisPortsError {
  override readonly code = "REGISTRY_SCHEMA";
  readonly registryPath: string;
  readonly schemaVersion: string;

  constructor(text: ErrorText & { registryPath: string; schemaVersion: string }) {
    super(text);
    this.registryPath = text.registryPath;
    this.schemaVersion = text.schemaVersion;
  }
}

/** The registry's lock was not obtained within the lock time-out. Nothing was changed. */
export class PortAssignmentTimeoutError extends IrisPortsError {
  override readonly code = "PORT_ASSIGNMENT_TIMEOUT";
  readonly registryPath: string;
  readonly lockPath: string;
  /** How long was waited, in milliseconds. */
  readonly timeoutMs: number;
  /** Who seems to hold the lock, where that could be found out. */
  readonly lockOwner: string | undefined;

  constructor(
    text: ErrorText & { registryPath: string; lockPath: string; timeoutMs: number; lockOwner?: string | undefined },
  ) {
    super(text);
    this.registryPath = text.registryPath;
    this.lockPath = text.lockPath;
    this.timeoutMs = text.timeoutMs;
    this.lockOwner = text.lockOwner;
  }
}
