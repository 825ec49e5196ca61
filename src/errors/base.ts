/** Every code an iris-ports error can carry. Closed: a new failure needs a new code here and a row in docs/errors.md. */
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

/** What every error says: what happened, what the state is (may be several lines), and how to fix it. */
export type ErrorText = {
  readonly what: string;
  readonly state?: string | undefined;
  readonly remedy: string;
  readonly cause?: unknown;
};

/**
 * The base of every error iris-ports throws on purpose: `message` holds what happened, the state and the remedy;
 * `code` is stable across releases. `Fields` are the properties that a subclass has besides.
 */
export abstract class IrisPortsError<Fields extends object = object> extends Error {
  abstract readonly code: IrisPortsErrorCode;
  /** What happened, in one sentence. */
  readonly what: string;
  /** What the failure left behind, or what was found; may be several lines. */
  readonly state: string | undefined;
  /** How to fix it, naming real commands. */
  readonly remedy: string;

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
