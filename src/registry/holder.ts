import { createHash, randomUUID } from "node:crypto";
import { InvalidArgumentError } from "../errors/errors.ts";
import { shown } from "../settings/config.ts";
import type { DirectoryIdentity } from "./host/directory-identity.ts";
import { currentProcess } from "./host/process-identity.ts";

/** Where and when a process lives, so that a later process with the same pid is not taken for it. */
export type ProcessIdentity = {
  /** The machine, by an id that survives reboots; the host name where the system has none. */
  readonly host: string;
  /** One boot of that machine, or `unknown`. */
  readonly bootId: string;
  /** The pid namespace, or the platform's name where there are none. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** When the process started, in the system's own measure, or `unknown`. */
  readonly startTime: string;
};

type HolderBase = {
  /** Unique among the holders of an assignment; holding twice with one id is holding once. */
  readonly id: string;
  readonly since: Date;
  /** From then on a holder counts as gone; one that can be observed, and lives, does not. */
  readonly expiresAt?: Date;
  /** For people: the command, the workflow job. */
  readonly description?: string;
  /** It relies on the project's container, not just on the port: the container goes when the last such holder goes. */
  readonly usesContainer?: boolean;
  /** It was the last to use the container and is removing it: newcomers wait for that. */
  readonly isLeaving?: boolean;
};

/** A process relies on the assignment. */
export type ProcessHolder = HolderBase & { readonly kind: "process"; readonly process: ProcessIdentity };

/** A CI job relies on it: it lives as long as the runner's worker process, or until `expiresAt` where none is seen. */
export type JobHolder = HolderBase & { readonly kind: "job"; readonly process?: ProcessIdentity };

/** Held until it is released, or until `expiresAt`, or until its `directory` is deleted. */
export type ManualHolder = HolderBase & { readonly kind: "manual"; readonly directory?: DirectoryIdentity };

/** A live party relying on an assignment. */
export type Holder = ProcessHolder | JobHolder | ManualHolder;

type HolderOptions = Partial<Pick<HolderBase, "id" | "description" | "usesContainer">>;

type ManualHolderOptions = HolderOptions & Partial<Pick<ManualHolder, "expiresAt" | "directory">>;

/**
 * This process as a holder, until it ends. Without an `id` it is the process as such, the same at every call; give each
 * of several independent users in one process an id of its own.
 */
export async function processHolder(options: HolderOptions = {}): Promise<ProcessHolder> {
  const description = [process.title, ...process.argv.slice(1, 2)].join(" ");
  return holderOf(await currentProcess(), { description, ...options });
}

/** Any process as a holder, until it ends; holding twice for one process is holding once. */
export function holderOf(identity: ProcessIdentity, options: HolderOptions = {}): ProcessHolder {
  const id = `process:${digest(Object.values(identity).join("|"))}`;
  return { id, ...options, kind: "process", since: new Date(), process: identity };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 24);
}

/** A process holder with an id nobody else has. */
export async function uniqueProcessHolder(options: Omit<HolderOptions, "id"> = {}): Promise<ProcessHolder> {
  return processHolder({ ...options, id: `process:${randomUUID()}` });
}

/** A holder that no process stands for: it ends with a release, at `expiresAt`, or with its `directory`. */
export function manualHolder(options: ManualHolderOptions = {}): ManualHolder {
  return { id: "manual", ...options, kind: "manual", since: new Date() };
}

/** A CI job as a holder. Give the worker's `process` where it can be seen, else an `expiresAt`. */
export function jobHolder(
  options: HolderOptions & { id: string; process?: ProcessIdentity; expiresAt?: Date },
): JobHolder {
  return { ...options, kind: "job", since: new Date() };
}

/** The process behind a holder, on one line for a label; undefined where none is known. */
export function processText(holder: Holder): string | undefined {
  const identity = holder.kind === "manual" ? undefined : holder.process;
  if (identity === undefined) return undefined;
  return [identity.host, identity.bootId, identity.pidNamespace, identity.pid, identity.startTime].join("|");
}

/** Reads {@link processText}; undefined for anything else. */
export function parseProcessText(text: string | undefined): ProcessIdentity | undefined {
  const [host, bootId, pidNamespace, pidText, startTime, ...rest] = (text ?? "").split("|");
  const pid = Number(pidText);
  if (!host || !bootId || !pidNamespace || !startTime || rest.length > 0 || !Number.isSafeInteger(pid) || pid < 1)
    return undefined;
  return { host, bootId, pidNamespace, pid, startTime };
}

/**
 * A holder given by a caller: one that the document could not hold would make it unreadable for everybody.
 * @throws InvalidArgumentError
 */
export function checkHolder(holder: Holder): Holder {
  const problem = holderProblem(holder);
  if (problem === undefined) return holder;
  throw new InvalidArgumentError({
    what: `holder ${problem}: ${shown(holder)}.`,
    remedy: "make it with processHolder(), jobHolder() or manualHolder().",
    argument: "holder",
    value: holder,
  });
}

function holderProblem(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return "is none";
  const { id, kind, since, expiresAt, description, process } = value as Record<string, unknown>;
  if (typeof id !== "string" || id === "") return "has no id";
  if (!["process", "job", "manual"].includes(kind as string)) return "is of no known kind";
  if (!isTime(since)) return "is since no time";
  if (expiresAt !== undefined && !isTime(expiresAt)) return "expires at no time";
  if (description !== undefined && typeof description !== "string") return "has a description that is no text";
  const isSeen = process !== undefined || kind === "process";
  return isSeen && !isIdentity(process) ? "is a process that cannot be identified" : undefined;
}

function isTime(value: unknown): boolean {
  return value instanceof Date && !Number.isNaN(value.getTime());
}

function isIdentity(value: unknown): boolean {
  const { host, bootId, pidNamespace, pid, startTime } = (value ?? {}) as Partial<ProcessIdentity>;
  const isText = [host, bootId, pidNamespace, startTime].every((text) => typeof text === "string");
  return isText && Number.isSafeInteger(pid) && (pid as number) > 0;
}
