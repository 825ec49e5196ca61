import type { ImageDetails, InspectedContainer } from "./inspected-container.ts";

/** How long a call may take; a signal that is aborted ends it with the signal's reason. */
export type CallLimits = { readonly timeoutMs?: number | undefined; readonly signal?: AbortSignal | undefined };

/** How a command inside a container ended. */
export type ExecResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/**
 * A host that runs containers, as far as the life cycle of a project's container needs one. What the engine refuses is
 * thrown as the engine worded it, with its status; see `engine-error-kinds.ts`. An engine that does not answer within the
 * limits of a call is a ContainerEngineError.
 */
export type ContainerHost = {
  /** Where the engine is, normalised. */
  readonly endpoint: string;
  /** The container with that name or id, in any state. */
  find(nameOrId: string, limits?: CallLimits): Promise<InspectedContainer | undefined>;
  findImage(image: string, limits?: CallLimits): Promise<ImageDetails | undefined>;
  start(id: string, limits?: CallLimits): Promise<void>;
  /** Kills and removes a container with its anonymous volumes, and returns when it is gone. */
  remove(id: string, limits?: CallLimits): Promise<void>;
  /** The ids of the containers in any state that carry the label with this value. */
  labelled(label: string, value: string, limits?: CallLimits): Promise<readonly string[]>;
  /** What the container has written so far, both streams as they came; with `tail`, its last lines. */
  log(id: string, tail?: number, limits?: CallLimits): Promise<string>;
  /** Hands on the lines of the log until the container ends, or the signal is aborted. */
  followLog(id: string, options: LogOptions): Promise<void>;
  /** Runs a command inside the container, with `input` on its stdin. */
  exec(id: string, command: readonly string[], options?: ExecOptions): Promise<ExecResult>;
};

/** Which lines of a log to read, and the function that receives them. */
export type LogOptions = {
  readonly since: Date | undefined;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
};

/** What a command inside a container gets. */
export type ExecOptions = CallLimits & { readonly input?: string | undefined };
