import { isAbsolute } from "node:path";
import createDebug from "debug";
import type { ContainerEngine, EngineContainer } from "../../docker/engine.ts";
import { EngineAbsentError } from "../../docker/engine-error.ts";
import { hasControlCharacter } from "../../settings/config.ts";
import type { HolderRecord, RegistryDocument } from "../../stores/document.ts";
import type { Store } from "../../stores/store.ts";
import { toHolder } from "../document/records.ts";
import { type Holder, parseProcessText, processText } from "../holder.ts";
import { observeDirectory } from "../host/directory-identity.ts";
import { bindProbe, type PortProbe, quietProbe } from "../host/port-probe.ts";
import { LABEL_CREATOR_PROCESS, LABEL_REGISTRY } from "../labels.ts";
import { canonicalPath } from "../project.ts";
import { holderVerdict, type Liveness, observeProcess, observerOfMany, type Verdict } from "./liveness.ts";
import { LABEL_COMPOSE_DIRECTORY, type Owner, ownershipOf } from "./ownership.ts";

const debug = createDebug("iris-ports:survey");

/** The engine's answer, or why there is none. */
export type EngineReport =
  | {
      readonly isReachable: true;
      readonly endpoint: string;
      /** The engine's own ID, the same at all its addresses. */
      readonly id: string;
      readonly incarnation?: string | undefined;
      readonly containers: readonly EngineContainer[];
    }
  | {
      readonly isReachable: false;
      /** Undefined if no engine is configured or installed. */
      readonly endpoint: string | undefined;
      readonly reason: string;
      readonly error?: unknown;
    };

/**
 * The state of the world outside the document, taken before the lock. Holders that joined later were not checked and count
 * as alive, because they have only just come.
 */
export type Survey = {
  /** The registry for which the survey was made; containers of other registries are foreign. */
  readonly registryPath: string;
  /** The document at that time; later changes were not checked. */
  readonly document: RegistryDocument;
  readonly engine: EngineReport;
  /** False if the engine was not asked, because no port had to be chosen. */
  readonly isEngineAsked: boolean;
  verdictOf(holder: Holder): Verdict;
  /** The verdict on the process that made a container of this registry; `unknown` without such a label. */
  makerVerdictOf(container: EngineContainer): Verdict;
  composeDirectoryOf(container: EngineContainer): string | undefined;
};

/** The registry's store, engine and test seams. */
export type RegistryContext = {
  readonly store: Store;
  readonly engine: ContainerEngine | undefined;
  readonly clock: () => Date;
  /** Undefined if the ports open on another host; certain only after the engine has answered. */
  readonly probe: PortProbe | undefined;
  readonly liveness: Liveness;
};

/** Observes the document's holders and, if a port must be chosen, asks the engine. */
export async function lookAround(
  { store, engine, clock, liveness }: RegistryContext,
  document: RegistryDocument,
  isEngineAsked: boolean,
): Promise<Survey> {
  // Holders first: a holder that was gone before the containers were listed cannot have made one that is not listed.
  const verdictOf = await observeHolders(document, liveness, clock());
  const notAsked = {
    isReachable: false,
    endpoint: engine?.endpoint,
    reason: "the container engine was not asked",
  } as const;
  const report = isEngineAsked ? await askEngine(engine, document.engines) : notAsked;
  const isContainerGone = await goneContainers(document, report, engine);
  return {
    registryPath: store.location,
    document,
    engine: report,
    isEngineAsked,
    verdictOf: (holder) => {
      const verdict = verdictOf(holder);
      return verdict === "unknown" && isContainerGone(holder) ? "gone" : verdict;
    },
    makerVerdictOf: await observeMakers(report, store.location, liveness),
    composeDirectoryOf: composeDirectories(report),
  };
}

/** The present holders of an assignment that are provably gone. */
export async function goneHolders(
  { store, clock, liveness }: RegistryContext,
  projectKey: string,
): Promise<(holder: Holder) => boolean> {
  const document = await store.read();
  const records = [
    ...(document.holders.get(projectKey) ?? []),
    ...document.history.flatMap(({ project, users }) => (project === projectKey ? (users ?? []) : [])),
  ];
  const verdictOf = await observeAll(records, liveness, clock());
  return (holder) => verdictOf(holder) === "gone";
}

/** Which ports are in use. Where that takes a bind, under the lock: two probes of one port would see each other. */
export async function portsInUse(
  { store, probe }: RegistryContext,
  ports: readonly number[],
): Promise<ReadonlyMap<number, boolean>> {
  const used = new Map<number, boolean>();
  if (ports.length === 0 || probe === undefined) return used;
  const probeEach = async (look: PortProbe) => {
    for (const port of ports) used.set(port, !(await look(port)));
    return { result: used };
  };
  const quiet = probe === bindProbe ? quietProbe() : undefined;
  return quiet === undefined ? store.update(() => probeEach(probe)) : (await probeEach(quiet)).result;
}

/** Lists the engine's containers, or says why it could not. */
async function askEngine(
  engine: ContainerEngine | undefined,
  known?: ReadonlyMap<string, string>,
): Promise<EngineReport> {
  if (engine === undefined)
    return { isReachable: false, endpoint: undefined, reason: "no container engine is configured" };
  try {
    const incarnation = engine.incarnation?.();
    const [id, containers] = await Promise.all([engine.identify?.(known), engine.listContainers()]);
    return { isReachable: true, endpoint: engine.endpoint, id: id ?? engine.endpoint, incarnation, containers };
  } catch (cause) {
    debug("the engine at %s did not answer: %o", engine.endpoint, cause);
    return {
      isReachable: false,
      endpoint: cause instanceof EngineAbsentError ? undefined : engine.endpoint,
      reason: cause instanceof Error ? cause.message : String(cause),
      error: cause,
    };
  }
}

/** True if there is no engine at all, so that no container can exist. */
export function isEngineAbsent(engine: EngineReport): boolean {
  return !engine.isReachable && engine.endpoint === undefined;
}

/** The engine of an assignment as the document notes it: its ID, or its address if it did not answer. */
export function engineNote({ engine, isEngineAsked }: Survey): { readonly engine?: string } {
  if (!isEngineAsked) return {};
  const noted = engine.isReachable ? engine.id : engine.endpoint;
  return noted === undefined ? {} : { engine: noted };
}

/**
 * Tells which holders ran in containers that are gone, have ended, or have been restarted since: nothing in them is left.
 * Only the engine that ran them can tell.
 */
async function goneContainers(
  { holders, history, waiters }: RegistryDocument,
  report: EngineReport,
  engine: ContainerEngine | undefined,
): Promise<(holder: Holder) => boolean> {
  if (!report.isReachable) return () => false;
  const records = [
    ...[...holders.values()].flat(),
    ...history.flatMap(({ users }) => users ?? []),
    ...waiters.map(({ holder }) => holder),
  ];
  const states = new Map(report.containers.map(({ id, state }) => [id, state]));
  const containers = records.flatMap(({ container }) => (container?.engine === report.id ? [container] : []));
  const gone = new Set<string>();
  for (const [key, container] of new Map(containers.map((one) => [`${one.id} ${one.started_at}`, one]))) {
    const isRunning = RUNNING_STATES.includes(states.get(container.id) ?? "");
    if (!isRunning || (await isRestarted(container, engine))) gone.add(key);
  }
  return ({ container }) => container !== undefined && gone.has(`${container.id} ${container.startedAt}`);
}

const RUNNING_STATES = ["running", "paused"];

async function isRestarted(
  { id, started_at }: NonNullable<HolderRecord["container"]>,
  engine: ContainerEngine | undefined,
): Promise<boolean> {
  try {
    const startedAt = await engine?.startedAt?.(id);
    return startedAt !== undefined && startedAt !== started_at;
  } catch (cause) {
    debug("container %s cannot be inspected: %o", id, cause);
    return false;
  }
}

/** Checks every process that holds an assignment or waits in the document. */
function observeHolders(document: RegistryDocument, liveness: Liveness, now: Date) {
  const waiting = document.waiters.map((waiter) => waiter.holder);
  const past = document.history.flatMap(({ users }) => users ?? []);
  return observeAll([...[...document.holders.values()].flat(), ...past, ...waiting], liveness, now);
}

async function observeAll(
  records: readonly HolderRecord[],
  liveness: Liveness,
  now: Date,
): Promise<(holder: Holder) => Verdict> {
  const holders = new Map(records.map(toHolder).map((holder) => [keyOf(holder), holder]));
  const look = forMany(liveness);
  // In parallel, because each check takes a while on Windows and macOS, where a tool of the system is called.
  const observed = new Map(
    await Promise.all(Array.from(holders, async ([key, holder]) => [key, await observeHolder(holder, look)] as const)),
  );
  return (holder) => {
    const verdict = observed.get(keyOf(holder));
    return verdict === undefined ? "alive" : holderVerdict(holder, verdict, now);
  };
}

function forMany(liveness: Liveness): Liveness {
  return liveness === observeProcess ? observerOfMany() : liveness;
}

/** Resolves each directory once. It comes from a label, which may contain anything. */
function composeDirectories(report: EngineReport): (container: EngineContainer) => string | undefined {
  const directories = new Map<string, string>();
  return ({ labels }) => {
    const label = labels[LABEL_COMPOSE_DIRECTORY];
    if (!report.isReachable || label === undefined || !isAbsolute(label) || hasControlCharacter(label))
      return undefined;
    const known = directories.get(label) ?? canonicalPath(label);
    directories.set(label, known);
    return known;
  };
}

async function observeMakers(
  report: EngineReport,
  registryPath: string,
  liveness: Liveness,
): Promise<(container: EngineContainer) => Verdict> {
  const containers = report.isReachable ? report.containers : [];
  const ours = containers.filter(({ labels }) => labels[LABEL_REGISTRY] === registryPath);
  // Not the observer of the holders: a maker may have started only after that one read the system's processes.
  const look = forMany(liveness);
  const verdicts = new Map(
    await Promise.all(ours.map(async ({ id, labels }) => [id, await observeMaker(labels, look)] as const)),
  );
  return ({ id }) => verdicts.get(id) ?? "unknown";
}

/** The verdict on the process that made a container, by its label; `unknown` without such a label. */
export async function observeMaker(
  labels: Readonly<Record<string, string>>,
  liveness: Liveness = observeProcess,
): Promise<Verdict> {
  const maker = parseProcessText(labels[LABEL_CREATOR_PROCESS]);
  return maker === undefined ? "unknown" : liveness(maker);
}

/** The containers that are evidence for an assignment: its own, and those that may be its own. */
export function containersOf(survey: Survey, document: RegistryDocument, owner: Owner): readonly EngineContainer[] {
  if (!survey.engine.isReachable) return [];
  const view = { ...survey, document };
  return survey.engine.containers.filter((container) => {
    const ownership = ownershipOf(container, owner, view);
    return ownership.kind !== "foreign" || ownership.isUncertain;
  });
}

async function observeHolder(holder: Holder, liveness: Liveness): Promise<Verdict> {
  if (holder.kind === "manual") return holder.directory === undefined ? "alive" : observeDirectory(holder.directory);
  return holder.process === undefined ? "unknown" : liveness(holder.process);
}

const keys = new WeakMap<Holder, string>();

/** Shares one check between holders of the same process or directory. */
function keyOf(holder: Holder): string {
  const known = keys.get(holder);
  if (known !== undefined) return known;
  const directory = holder.kind === "manual" ? holder.directory : undefined;
  const key = processText(holder) ?? (directory === undefined ? `id:${holder.id}` : JSON.stringify(directory));
  keys.set(holder, key);
  return key;
}
