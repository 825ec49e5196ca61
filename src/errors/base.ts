/** Every code that an error can carry. A new kind of failure needs a new code here and a row in docs/errors.md. */
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
  | "CONTAINER_MISMATCH"
  | "IRIS_SESSION";

/** What every error says: what failed, what the state is (one or more lines), and how to fix it. */
export type ErrorText = {
  readonly what: string;
  readonly state?: string | undefined;
  /** Without a full stop at its end, where a command can be copied. */
  readonly remedy: string;
  readonly cause?: unknown;
};

/**
 * The base of every error that iris-ports throws on purpose. `message` holds what failed, the state and the remedy.
 * `Fields` are the further properties of a subclass.
 * @example
 * ```ts
 * import { IrisPortsError, PortRegistry } from "iris-ports/ports";
 *
 * await new PortRegistry().assignPort().catch((error: unknown) => {
 *   if (error instanceof IrisPortsError) console.error(error.code, error.remedy);
 *   throw error;
 * });
 * ```
 */
export abstract class IrisPortsError<Fields extends object = object> extends Error {
  /** The kind of error; stable across releases. */
  abstract readonly code: IrisPortsErrorCode;
  /** What failed, in one sentence. */
  readonly what: string;
  /** What was found, or what the failure left behind, in one or more lines. */
  readonly state: string | undefined;
  /** How to fix it, naming real commands; without a full stop at its end. */
  readonly remedy: string;

  /** For subclasses. */
  constructor({ what, state, remedy, cause, ...fields }: ErrorText & Fields) {
    super(
      [what, ...(state ? [state] : []), `To fix: ${remedy}`].join("\n"),
      cause === undefined ? undefined : { cause },
    );
    this.name = new.target.name;
    this.what = what;
    this.state = state || undefined;
    this.remedy = remedy;
    Object.assign(this, fields);
  }
}
