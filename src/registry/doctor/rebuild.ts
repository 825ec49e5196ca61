import { isAbsolute } from "node:path";
import type { EngineContainer } from "../../docker/engine.ts";
import { ContainerEngineError, RegistryAccessError, RegistryCorruptError } from "../../errors/errors.ts";
import { osCode } from "../../errors/os-code.ts";
import { hasControlCharacter } from "../../settings/checks.ts";
import { commandText } from "../../settings/command-text.ts";
import { type DetailRecord, EMPTY_DOCUMENT, type RegistryDocument } from "../../stores/document.ts";
import type { Cleared, Unreadable } from "../../stores/store.ts";
import { newGeneration } from "../allocation/take-port.ts";
import type { PortAssignment } from "../assignment.ts";
import { makerOf } from "../container-labels.ts";
import { type Entry, withEntry } from "../document/edit-document.ts";
import { toDetail } from "../document/records.ts";
import { engineNote, type RegistryContext, type Survey, takeSurvey } from "../evidence/survey.ts";
import type { Holder } from "../holder.ts";
import {
  LABEL_GENERATION,
  LABEL_INSTANCE,
  LABEL_LIFETIME,
  LABEL_PORT,
  LABEL_PROJECT,
  LABEL_REGISTRY,
  LABEL_WEB_PORT,
} from "../labels.ts";
import { containerName, isInstanceName, projectKey } from "../project.ts";

/** The result of a rebuild from the containers of this registry. */
export type Rebuilt = {
  /** The copy of the unreadable document that was replaced. */
  readonly unreadable: Unreadable | undefined;
  /** Files that were moved aside or deleted because they blocked the registry. */
  readonly cleared: readonly Cleared[];
  /** The assignments that were added. */
  readonly restored: readonly PortAssignment[];
  /** Containers of this registry that got no assignment, and why. */
  readonly skipped: readonly SkippedContainer[];
};

/** A container that got no assignment. */
export type SkippedContainer = {
  /** Its present name. */
  readonly containerName: string;
  /** Why it got none. */
  readonly reason: string;
};

/** How far a repair may go. */
export type RebuildOptions = {
  /** Repair even if the container engine does not answer, so that nothing can be restored. */
  readonly isEngineOptional?: boolean;
  /** Replace even a file that never was a registry; its bytes are kept. */
  readonly isForced?: boolean;
};

type Target = { readonly registryPath: string; readonly portRange: readonly [number, number]; readonly now: Date };

/** If two containers claim one port or project, a running one wins. */
const BEST_STATES = ["running", "paused", "restarting"];

/**
 * Adds an assignment for each container of this registry that has none, from its labels. Existing assignments stay and
 * win over labels. An unreadable document is replaced after its bytes were copied.
 * @throws ContainerEngineError when there is no document and the engine does not answer, unless it is optional
 */
export async function rebuildDocument(
  context: RegistryContext,
  portRange: readonly [number, number],
  { isEngineOptional = false, isForced = false }: RebuildOptions,
): Promise<Rebuilt> {
  const { store, clock } = context;
  // Read before the containers are listed, so that a port that is released meanwhile is not restored.
  const readable = await readIfPossible(context);
  const before = readable ?? EMPTY_DOCUMENT;
  const survey = await takeSurvey(context, before, true);
  if (readable === undefined && !survey.engine.isReachable && !isEngineOptional)
    throw engineNeeded(survey.engine.reason, store.location);
  const cleared = await store.clearObstacles({ isForced });
  const target = { registryPath: store.location, portRange, now: clock() };
  const candidates = containersWithout(before, survey, store.location);
  return store.replaceUnreadable(async (newest, unreadable) => {
    const { document, restored, skipped } = restoreIn(newest, candidates, survey, target);
    return { document, result: { unreadable, cleared, restored, skipped } };
  });
}

async function readIfPossible({ store }: RegistryContext): Promise<RegistryDocument | undefined> {
  try {
    return await store.read();
  } catch (error) {
    if (error instanceof RegistryCorruptError || isLink(error)) return undefined;
    throw error;
  }
}

/** Stands in for the unreadable document, which is about to be moved aside. */
function isLink(error: unknown): boolean {
  return error instanceof RegistryAccessError && osCode(error.cause) === "ELOOP";
}

function restoreIn(
  newest: RegistryDocument,
  candidates: readonly EngineContainer[],
  survey: Survey,
  target: Target,
): Pick<Rebuilt, "restored" | "skipped"> & { readonly document: RegistryDocument } {
  const restored: PortAssignment[] = [];
  const skipped: SkippedContainer[] = [];
  let document = newest;
  for (const container of candidates) {
    const entry = labelProblem(container) ?? entryFrom(container, survey, target);
    const obstacle = typeof entry === "string" ? entry : conflictWith(document, entry.assignment);
    if (typeof entry !== "string" && obstacle === undefined) {
      document = withEntry(document, entry);
      restored.push(entry.assignment);
    } else skipped.push({ containerName: container.name, reason: obstacle as string });
  }
  return { document, restored, skipped };
}

/** The containers of this registry that may be in use and have no assignment. */
export function containersWithout(
  document: RegistryDocument,
  survey: Survey,
  registryPath: string,
): readonly EngineContainer[] {
  if (!survey.engine.isReachable) return [];
  const known = new Set(document.assignments.map((record) => record.project_path));
  const isUnused = (container: EngineContainer) =>
    container.labels[LABEL_LIFETIME] === "holders" && survey.makerVerdictOf(container) === "gone";
  const rank = ({ state }: EngineContainer) => (BEST_STATES.includes(state) ? 0 : 1);
  return survey.engine.containers
    .filter(({ labels }) => labels[LABEL_REGISTRY] === registryPath && !known.has(labelledKey(labels)))
    .filter((container) => !isUnused(container))
    .sort((a, b) => rank(a) - rank(b));
}

/** The key from the labels; an invalid instance is reported later. */
export function labelledKey(labels: EngineContainer["labels"]): string {
  const instance = labels[LABEL_INSTANCE];
  return `${labels[LABEL_PROJECT] ?? ""}${instance ? `#${instance}` : ""}`;
}

/** The problem of a container's labels, which every user of the engine can set. */
function labelProblem({ labels, hostPorts }: EngineContainer): string | undefined {
  const projectPath = labels[LABEL_PROJECT] ?? "";
  const instance = labels[LABEL_INSTANCE] || undefined;
  if (!isAbsolute(projectPath) || hasControlCharacter(projectPath)) return "its label is not a valid project";
  if (instance !== undefined && !isInstanceName(instance)) return "its label is not a valid instance";
  if (hostPorts.includes(Number(labels[LABEL_PORT]))) return undefined;
  return `it does not publish the port in its label (${labels[LABEL_PORT] ?? "none"})`;
}

/** The assignment that a container's labels describe. */
function entryFrom(
  container: EngineContainer,
  survey: Survey,
  { portRange, now }: Target,
): Entry & { readonly detail: DetailRecord } {
  const { labels, hostPorts } = container;
  const projectPath = labels[LABEL_PROJECT] ?? "";
  const instance = labels[LABEL_INSTANCE] || undefined;
  const port = Number(labels[LABEL_PORT]);
  const webPort = Number(labels[LABEL_WEB_PORT]);
  const key = projectKey(projectPath, instance);
  const isInRange = portRange[0] <= port && port <= portRange[1];
  const hasWebPort = hostPorts.includes(webPort);
  const assignment: PortAssignment = {
    projectPath,
    ...(instance === undefined ? {} : { instance }),
    projectKey: key,
    port,
    ...(hasWebPort ? { webPort } : {}),
    assignedAt: now,
    // The registry chooses ports of the range only.
    assignmentType: isInRange ? "auto" : "manual",
    status: "active",
    containerName: containerName(key, port),
  };
  const generation = labels[LABEL_GENERATION] || newGeneration();
  const detail = { ...toDetail(assignment, generation), ...engineNote(survey) };
  return { assignment, detail, holders: holdersOf(container, survey, now) };
}

/**
 * The maker of the container, unless it is gone. A kept container needs no holder that cannot be observed; another one would
 * be removed by the next cleaning without any.
 */
function holdersOf(container: EngineContainer, survey: Survey, since: Date): readonly Holder[] {
  const maker = makerOf(container, since);
  const isKept = container.labels[LABEL_LIFETIME] !== "holders";
  const isGone = survey.makerVerdictOf(container) === "gone";
  return isGone || (isKept && maker.process === undefined) ? [] : [maker];
}

function conflictWith(document: RegistryDocument, assignment: PortAssignment): string | undefined {
  const wanted = [assignment.port, assignment.webPort].filter((port) => port !== undefined);
  for (const { project_path, port } of document.assignments) {
    if (project_path === assignment.projectKey) return `project ${project_path} has port ${port}`;
    const taken = [port, document.details.get(project_path)?.web_port];
    const shared = wanted.find((candidate) => taken.includes(candidate));
    if (shared !== undefined) return `port ${shared} is assigned to project ${project_path}`;
  }
  return undefined;
}

function engineNeeded(reason: string, registryPath: string): ContainerEngineError {
  const command = commandText(["doctor", "--repair", "--without-engine"], registryPath);
  return new ContainerEngineError({
    what: "The registry can only be rebuilt from the containers, and the container engine cannot be asked.",
    state: `${reason}\nNothing was changed.`,
    remedy: `start the engine (docker info must answer), or begin with an empty registry: ${command}`,
  });
}
