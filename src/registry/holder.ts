import { createHash, randomUUID } from "node:crypto";
import { InvalidArgumentError } from "../errors/errors.ts";
import { shown } from "../settings/checks.ts";
import type { DirectoryIdentity } from "./host/directory-identity.ts";
import { currentProcess } from "./host/process-identity.ts";

/** Identifies a process, so that a later process with the same pid is not mistaken for it. */
export type ProcessIdentity = {
  /** The machine's id, which survives reboots; the host name if the system has no such id. */
  readonly host: string;
  /** The machine's host name; only in a registry that several hosts share. */
  readonly hostName?: string;
  /** Identifies one boot of that machine, or `unknown`. */
  readonly bootId: string;
  /** The pid namespace; the platform's name if the platform has none. */
  readonly pidNamespace: string;
  /** The process id in its namespace. */
  readonly pid: number;
  /** When the process started, in the system's own measure, or `unknown`. */
  readonly startTime: string;
  /** Identifies a worker thread of the process; undefined for the main thread. */
  readonly thread?: string;
};

/** Identifies one uninterrupted run of a container. */
export type ContainerIdentity = {
  /** The engine's id of the container. */
  readonly id: string;
  /** The engine's own ID. */
  readonly engine: string;
  /** When this run started, as the engine writes it; another run has another time. */
  readonly startedAt: string;
};

type HolderBase = {
  /** The container in which the holder runs. Every process that asks the same engine sees when this container is gone. */
  readonly container?: ContainerIdentity;
  /** Unique among the holders of an assignment; the same id twice is one holder. */
  readonly id: string;
  /** Since when the holder has held the assignment. */
  readonly since: Date;
  /** The time from which the holder counts as gone, unless it is observed to be alive. */
  readonly expiresAt?: Date;
  /** A description to print: the command, the workflow job. */
  readonly description?: string;
  /** True if the holder uses the project's container, not only the port. The container is removed with its last user. */
  readonly usesContainer?: boolean;
  /** True while the holder, as the last user, removes the container; other starts of the project wait for that. */
  readonly isLeaving?: boolean;
  /** Until when the holder may be restarting the container; until then, other starts do not replace an ended container. */
  readonly restartsUntil?: Date;
};

/** A process that relies on an assignment, until it ends. */
export type ProcessHolder = HolderBase & {
  /** The kind of holder. */
  readonly kind: "process";
  /** The process that is observed. */
  readonly process: ProcessIdentity;
};

/**
 * A CI job that relies on an assignment: as long as its runner's worker process lives or, if that process cannot be observed,
 * until `expiresAt`.
 */
export type JobHolder = HolderBase & {
  /** The kind of holder. */
  readonly kind: "job";
  /** The runner's worker process, if it can be observed. */
  readonly process?: ProcessIdentity;
};

/** A manual hold of an assignment: until it is released, until `expiresAt`, or until its `directory` is deleted. */
export type ManualHolder = HolderBase & {
  /** The kind of holder. */
  readonly kind: "manual";
  /** The hold ends when this directory is deleted. */
  readonly directory?: DirectoryIdentity;
};

/** A live party that relies on an assignment. */
export type Holder = ProcessHolder | JobHolder | ManualHolder;

type HolderOptions = Partial<Pick<HolderBase, "id" | "description" | "usesContainer">>;

type ManualHolderOptions = HolderOptions & Partial<Pick<ManualHolder, "expiresAt" | "directory">>;

/**
 * This process as a holder, until the process ends; in a worker thread, the thread. Without an `id`, every call returns the
 * same holder. If one process has several independent users of a port, give each of them its own id.
 * @example
 * ```ts
 * import { PortRegistry, processHolder } from "iris-ports/ports";
 *
 * const holder = await processHolder({ description: "load test" });
 * await new PortRegistry().assignPort("/home/dev/shop", { holder });
 * ```
 */
export async function processHolder(options: HolderOptions = {}): Promise<ProcessHolder> {
  const description = [process.title, ...process.argv.slice(1, 2)].join(" ");
  const identity = await currentProcess();
  ownId ??= holderOf(identity).id;
  return holderOf(identity, { id: ownId, description, ...options });
}

/** Cached, so that the id stays the same even if a part of the identity becomes readable only later. */
let ownId: string | undefined;

/** Any process as a holder, until it ends; two holders of one process are one. */
export function holderOf(identity: ProcessIdentity, options: HolderOptions = {}): ProcessHolder {
  const id = `process:${digest(Object.values(identity).join("|"))}`;
  return { id, ...options, kind: "process", since: new Date(), process: identity };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 24);
}

/** This process as a holder with a unique id. */
export async function uniqueProcessHolder(options: Omit<HolderOptions, "id"> = {}): Promise<ProcessHolder> {
  return processHolder({ ...options, id: `process:${randomUUID()}` });
}

/** A holder without a process: it ends when it is released, at `expiresAt`, or when its `directory` is deleted. */
export function manualHolder(options: ManualHolderOptions = {}): ManualHolder {
  return { id: "manual", ...options, kind: "manual", since: new Date() };
}

/** True for a holder that ends with this process. */
export async function endsWithThisProcess(holder: Holder): Promise<boolean> {
  if (holder.kind !== "process") return false;
  const { host, pid, startTime } = await currentProcess();
  const { process } = holder;
  return process.host === host && process.pid === pid && process.startTime === startTime;
}

/** A CI job as a holder. Give its runner's worker `process` if it can be observed, else an `expiresAt`. */
export function jobHolder(
  options: HolderOptions & { id: string; process?: ProcessIdentity; expiresAt?: Date },
): JobHolder {
  return { ...options, kind: "job", since: new Date() };
}

/** The process behind a holder, on one line for a label; undefined if none is known. */
export function processText(holder: Holder): string | undefined {
  const identity = holder.kind === "manual" ? undefined : holder.process;
  if (identity === undefined) return undefined;
  const { host, bootId, pidNamespace, pid, startTime, thread } = identity;
  return [host, bootId, pidNamespace, pid, startTime, ...(thread === undefined ? [] : [thread])].join("|");
}

/** Reads {@link processText}; undefined for anything else. */
export function parseProcessText(text: string | undefined): ProcessIdentity | undefined {
  const [host, bootId, pidNamespace, pidText, startTime, thread, ...rest] = (text ?? "").split("|");
  const pid = Number(pidText);
  if (!host || !bootId || !pidNamespace || !startTime || rest.length > 0 || !Number.isSafeInteger(pid) || pid < 1)
    return undefined;
  return { host, bootId, pidNamespace, pid, startTime, ...(thread && { thread }) };
}

/**
 * Checks a holder given by a caller: an invalid one would make the document unreadable for all users.
 * @throws InvalidArgumentError
 */
export function checkHolder(holder: Holder): Holder {
  const problem = holderProblem(holder);
  if (problem === undefined) return holder;
  throw new InvalidArgumentError({
    what: `holder ${problem}: ${shown(holder)}.`,
    remedy: "make it with processHolder(), jobHolder() or manualHolder()",
    argument: "holder",
    value: holder,
  });
}

function holderProblem(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return "is not an object";
  const holder = value as Record<string, unknown>;
  const has = (name: string, isValid: (part: unknown) => boolean) => isValid(holder[name]);
  const mayHave = (name: string, isValid: (part: unknown) => boolean) =>
    holder[name] === undefined || has(name, isValid);
  const isProcessValid = holder["kind"] === "process" ? has("process", isIdentity) : mayHave("process", isIdentity);
  const checks: readonly (readonly [isValid: boolean, problem: string])[] = [
    [has("id", (id) => isText(id) && id !== ""), "has no id"],
    [has("kind", (kind) => ["process", "job", "manual"].includes(kind as string)), "has an unknown kind"],
    [has("since", isTime), "has a `since` that is not a valid Date"],
    [mayHave("expiresAt", isTime), "has an `expiresAt` that is not a valid Date"],
    [mayHave("restartsUntil", isTime), "has a `restartsUntil` that is not a valid Date"],
    [mayHave("description", isText), "has a description that is not a string"],
    [isProcessValid, "has a `process` that is not a valid process identity"],
    [mayHave("container", isContainer), "has a `container` that is not a valid container identity"],
    [mayHave("directory", isDirectory), "has a `directory` that is not a valid directory identity"],
  ];
  return checks.find(([isValid]) => !isValid)?.[1];
}

function isTime(value: unknown): boolean {
  return value instanceof Date && !Number.isNaN(value.getTime());
}

function isIdentity(value: unknown): boolean {
  if (!hasTexts(value, ["host", "bootId", "pidNamespace", "startTime"])) return false;
  const { pid, hostName = "", thread = "" } = value as Partial<ProcessIdentity>;
  return isText(hostName) && isText(thread) && Number.isSafeInteger(pid) && (pid as number) > 0;
}

function isContainer(value: unknown): boolean {
  return hasTexts(value, ["id", "engine", "startedAt"]);
}

function isDirectory(value: unknown): boolean {
  if (!hasTexts(value, ["path", "host"])) return false;
  const { device, mount = "" } = value as Partial<DirectoryIdentity>;
  return isText(mount) && Number.isFinite(device);
}

function hasTexts(value: unknown, names: readonly string[]): boolean {
  return typeof value === "object" && names.every((name) => isText((value as Record<string, unknown> | null)?.[name]));
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}
