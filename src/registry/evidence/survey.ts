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
import { holderVerdict, type Liveness, observeProcess, type Verdict } from "./liveness.ts";
import { LABEL_COMPOSE_DIRECTORY, type Owner, ownershipOf } from "./ownership.ts";

const debug = createDebug("iris-ports:survey");

/** What the engine said, or why it said nothing. */
export type EngineReport =
  | {
      readonly isReachable: true;
      readonly endpoint: string;
      /** Tells engines apart: two addresses of one engine have the same. */
      readonly id: string;
      readonly containers: readonly EngineContainer[];
    }
  | {
      readonly isReachable: false;
      /** Undefined where there is no engine: none is configured, and none is installed. */
      readonly endpoint: string | undefined;
      readonly reason: string;
      readonly error?: unknown;
    };

/**
 * What was seen of the world outside the document, before the lock was taken. Holders that joined later were not looked
 * at, and count as alive: they can only just have come.
 */
export type Survey = {
  /** Which registry looked: what another one made is a stranger's. */
  readonly registryPath: string;
  /** The document as it was then: what has changed since was not looked at. */
  readonly document: RegistryDocument;
  readonly engine: EngineReport;
  /** False where the engine was not asked, because nothing new was to be chosen. */
  readonly isEngineAsked: boolean;
  verdictOf(holder: Holder): Verdict;
  /** The process that made a container of this registry, as its label tells; `unknown` without such a label. */
  makerVerdictOf(container: EngineContainer): Verdict;
  composeDirectoryOf(container: EngineContainer): string | undefined;
};

/** What the registry works on and looks at. */
export type RegistryContext = {
  readonly store: Store;
  readonly engine: ContainerEngine | undefined;
  readonly clock: () => Date;
  /** None where the ports open on another host; known for certain once the engine has answered. */
  readonly probe: PortProbe | undefined;
  readonly liveness: Liveness;
};

/** Observes the document's holders and, where something new is to be chosen, asks the engine. */
export async function lookAround(
  { store, engine, clock, liveness }: RegistryContext,
  document: RegistryDocument,
  isEngineAsked: boolean,
): Promise<Survey> {
  // Holders first: who was gone before the containers were listed can have made none that is not in the list.
  const verdictOf = await observeHolders(document, liveness, clock());
  const notAsked = {
    isReachable: false,
    endpoint: engine?.endpoint,
    reason: "the container engine was not asked",
  } as const;
  const report = isEngineAsked ? await askEngine(engine) : notAsked;
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

/** Tells which of the present holders of an assignment are provably gone. */
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

/** Lists the engine's containers, or tells why it could not. */
async function askEngine(engine: ContainerEngine | undefined): Promise<EngineReport> {
  if (engine === undefined)
    return { isReachable: false, endpoint: undefined, reason: "no container engine is configured" };
  try {
    const [id, containers] = await Promise.all([idOf(engine), engine.listContainers()]);
    return { isReachable: true, endpoint: engine.endpoint, id, containers };
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

async function idOf(engine: ContainerEngine): Promise<string> {
  return (await engine.identify?.()) ?? engine.endpoint;
}

/** True where no container can exist that the registry does not know of: there is no engine at all. */
export function isEngineAbsent(engine: EngineReport): boolean {
  return !engine.isReachable && engine.endpoint === undefined;
}

/** What the document notes as an assignment's engine: its ID, or its address where it did not answer. */
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
  const gone = new Set<string>();
  for (const { container } of records) {
    if (container === undefined || container.engine !== report.id) continue;
    const isRunning = RUNNING_STATES.includes(states.get(container.id) ?? "");
    if (!isRunning || (await isRestarted(container, engine))) gone.add(`${container.id} ${container.started_at}`);
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
    debug("container %s cannot be looked at: %o", id, cause);
    return false;
  }
}

/** Looks at every process that holds or waits for something in the document. */
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
  // At once: where the system's own tool has to be asked (Windows, macOS), each look takes a while.
  const observed = new Map(
    await Promise.all(
      Array.from(holders, async ([key, holder]) => [key, await observeHolder(holder, liveness)] as const),
    ),
  );
  return (holder) => {
    const verdict = observed.get(keyOf(holder));
    return verdict === undefined ? "alive" : holderVerdict(holder, verdict, now);
  };
}

/** Resolved once for each directory: it is a label, in which anything may stand. */
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
  const verdicts = new Map(
    await Promise.all(ours.map(async ({ id, labels }) => [id, await observeMaker(labels, liveness)] as const)),
  );
  return ({ id }) => verdicts.get(id) ?? "unknown";
}

/** Whether the process that made a container is there, as its label tells; `unknown` without such a label. */
export async function observeMaker(
  labels: Readonly<Record<string, string>>,
  liveness: Liveness = observeProcess,
): Promise<Verdict> {
  const maker = parseProcessText(labels[LABEL_CREATOR_PROCESS]);
  return maker === undefined ? "unknown" : liveness(maker);
}

/** The containers that are evidence for an assignment: its own ones, and those that may be. */
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

/** The same for all holders that one look tells about. */
function keyOf(holder: Holder): string {
  const known = keys.get(holder);
  if (known !== undefined) return known;
  const directory = holder.kind === "manual" ? holder.directory : undefined;
  const key = processText(holder) ?? (directory === undefined ? `id:${holder.id}` : JSON.stringify(directory));
  keys.set(holder, key);
  return key;
}
