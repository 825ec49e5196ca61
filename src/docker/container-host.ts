import type { ImageDetails, InspectedContainer } from "./inspected-container.ts";

/** How long a call may take; a signal that is aborted ends it with the signal's reason. */
export type CallLimits = { readonly timeoutMs?: number | undefined; readonly signal?: AbortSignal | undefined };

/** How a command inside a container ended. */
export type ExecResult = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/**
 * The operations of a container engine that the life cycle of a project's container needs. A refusal is thrown with the
 * engine's own words and status; see `engine-error-kinds.ts`. If the engine does not answer within the limits of a
 * call, a ContainerEngineError is thrown.
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
  /** The container's output so far, both streams in their order; with `tail`, only the last lines. */
  log(id: string, tail?: number, limits?: CallLimits): Promise<string>;
  /** Passes on the lines of the log until the container ends, or the signal is aborted. */
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

/** The input of a command inside a container. */
export type ExecOptions = CallLimits & { readonly input?: string | undefined };
