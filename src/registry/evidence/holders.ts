import { hostname } from "node:os";
import createDebug from "debug";
import type { ContainerEngine } from "../../docker/engine.ts";
import type { HolderRecord, RegistryDocument } from "../../stores/document.ts";
import { toHolder } from "../document/records.ts";
import { type Holder, processText } from "../holder.ts";
import { observeDirectory } from "../host/directory-identity.ts";
import { currentMachine } from "../host/process-identity.ts";
import { UNKNOWN } from "../host/start-time.ts";
import type { EngineReport } from "./engine-report.ts";
import { holderVerdict, type Liveness, observerOfMany, type Verdict } from "./liveness.ts";
import type { RegistryContext } from "./survey.ts";

const debug = createDebug("iris-ports:survey");

/** Checks every process that holds an assignment or waits in the document. Holders that joined later count as alive. */
export function observeHolders(
  document: RegistryDocument,
  context: RegistryContext,
): Promise<(holder: Holder) => Verdict> {
  return observeAll(recordsOf(document), context);
}

/** Every holder of the document: of assignments, of containers whose port was released, and those that wait. */
function recordsOf({ holders, history, waiters }: RegistryDocument): readonly HolderRecord[] {
  return [
    ...[...holders.values()].flat(),
    ...history.flatMap(({ users }) => users ?? []),
    ...waiters.map(({ holder }) => holder),
  ];
}

/** The present holders of an assignment that are provably gone. */
export async function goneHolders(context: RegistryContext, projectKey: string): Promise<(holder: Holder) => boolean> {
  const document = await context.store.read();
  const records = [
    ...(document.holders.get(projectKey) ?? []),
    ...document.history.flatMap(({ project, users }) => (project === projectKey ? (users ?? []) : [])),
  ];
  const verdictOf = await observeAll(records, context);
  return (holder) => verdictOf(holder) === "gone";
}

async function observeAll(
  records: readonly HolderRecord[],
  { store, clock, liveness }: RegistryContext,
): Promise<(holder: Holder) => Verdict> {
  const now = clock();
  const { bootId } = await currentMachine();
  const holders = new Map(records.map(toHolder).map((holder) => [keyOf(holder), holder]));
  const look = observerOfMany(liveness);
  // In parallel, because each check takes a while on Windows and macOS, where a tool of the system is called.
  const observed = new Map(
    await Promise.all(Array.from(holders, async ([key, holder]) => [key, await observeHolder(holder, look)] as const)),
  );
  return (holder) => {
    const verdict = observed.get(keyOf(holder));
    if (verdict === undefined) return "alive";
    const isUncertain = verdict === "gone" && store.shared !== undefined && mayBeElsewhere(holder, bootId);
    return holderVerdict(holder, isUncertain ? "unknown" : verdict, now);
  };
}

/**
 * True for a directory, or a process of another boot, whose host may be another one of the fleet: cloned machines may have
 * the same machine ID, and then only their host names differ.
 */
function mayBeElsewhere(holder: Holder, bootId: string): boolean {
  if (holder.kind === "manual") return holder.directory !== undefined && holder.directory.hostName !== hostname();
  if (holder.process === undefined) return false;
  const { process } = holder;
  const isOfThisBoot = process.bootId === bootId && bootId !== UNKNOWN;
  return !isOfThisBoot && process.hostName !== hostname();
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

/**
 * Tells which holders ran in containers that are gone, have ended, or have been restarted since: nothing in them is left.
 * Only the engine that ran them can tell.
 */
export async function goneContainers(
  document: RegistryDocument,
  report: EngineReport,
  engine: ContainerEngine | undefined,
): Promise<(holder: Holder) => boolean> {
  if (!report.isReachable) return () => false;
  const states = new Map(report.containers.map(({ id, state }) => [id, state]));
  const containers = recordsOf(document).flatMap(({ container }) =>
    container?.engine === report.id ? [container] : [],
  );
  const gone = new Set<string>();
  for (const [key, container] of new Map(containers.map((one) => [`${one.id} ${one.started_at}`, one]))) {
    const state = states.get(container.id);
    if (state === undefined || ENDED_STATES.includes(state) || (await isRestarted(container, engine))) gone.add(key);
  }
  return ({ container }) => container !== undefined && gone.has(`${container.id} ${container.startedAt}`);
}

/** In other states, such as podman's `stopping`, processes may still run. */
const ENDED_STATES = ["created", "restarting", "removing", "exited", "dead"];

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
