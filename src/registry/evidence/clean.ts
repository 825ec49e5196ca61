import createDebug from "debug";
import type { EngineContainer } from "../../docker/engine.ts";
import type { RegistryDocument } from "../../stores/document.ts";
import type { ListedAssignment } from "../assignment.ts";
import { type Entry, entriesOf, withoutEntries, withoutGone } from "../document/edit-document.ts";
import { withFirstSeen } from "./first-seen.ts";
import { isLabelledFor, isLeftover, type Owner } from "./ownership.ts";
import { isForeignEntry, judge } from "./staleness.ts";
import { lookAround, type RegistryContext, type Survey } from "./survey.ts";

const debug = createDebug("iris-ports:clean");

/** Options of a cleaning. */
export type CleanOptions = {
  /** Called for each container that was removed because all of its holders are gone. */
  readonly onContainerRemoved?: (container: EngineContainer) => void;
};

/**
 * Removes what is provably unused: containers whose holders are all gone, then the assignments that are stale without them.
 * Returns these assignments.
 */
export async function cleanUp(context: RegistryContext, options: CleanOptions = {}): Promise<ListedAssignment[]> {
  const { store, clock, probe } = context;
  const now = clock();
  const survey = await withoutOrphans(
    context,
    await lookAround(context, await store.read({ isForChange: true }), true),
    options,
  );
  const isPortInUse = async (port: number) => (probe ? !(await probe(port)) : undefined);
  return store.update(async (newest) => {
    const { document, removed } = await cleanIn(newest, survey, isPortInUse, now);
    return { document, result: [...removed] };
  });
}

/**
 * Removes the containers that a project's dead users left behind, before the project's port is handed out.
 * @returns the survey without them
 */
export async function withoutLeftoversOf(
  context: RegistryContext,
  owner: Owner,
  survey: Survey,
  options: CleanOptions = {},
): Promise<Survey> {
  if (!survey.engine.isReachable) return survey;
  const document = withoutGone(survey.document, (holder) => survey.verdictOf(holder) === "gone");
  const isTheirs = (container: EngineContainer) => isLabelledFor(container, owner);
  const isAny = survey.engine.containers.some((one) => isTheirs(one) && isLeftover(one, { ...survey, document }));
  return isAny ? withoutOrphans(context, survey, options, isTheirs) : survey;
}

/** Whether a cleaning could remove anything, judged by an existing survey. */
export function hasStale(document: RegistryDocument, survey: Survey, now: Date): boolean {
  const isStale = entriesOf(document).some((entry) =>
    judge(entry, survey, now, undefined).evidence.every(({ kind, verdict }) => verdict === "gone" || kind === "port"),
  );
  if (isStale || !survey.engine.isReachable) return isStale;
  const living = withoutGone(document, (holder) => survey.verdictOf(holder) === "gone");
  return survey.engine.containers.some((container) => isLeftover(container, { ...survey, document: living }));
}

/** Removes the orphans, and returns the survey without them. */
async function withoutOrphans(
  context: RegistryContext,
  survey: Survey,
  options: CleanOptions,
  isMeant: (container: EngineContainer) => boolean = () => true,
): Promise<Survey> {
  const { engine } = context;
  const report = survey.engine;
  if (!report.isReachable || engine === undefined) return survey;
  const removed = new Set<EngineContainer>();
  for (const orphan of await findOrphans(context, report.containers.filter(isMeant), survey)) {
    try {
      await engine.removeContainer(orphan.id);
      removed.add(orphan);
      options.onContainerRemoved?.(orphan);
    } catch (cause) {
      // The container stays and keeps its assignment; the next cleaning tries again.
      debug("container %s could not be removed: %o", orphan.name, cause);
    }
  }
  const containers = report.containers.filter((container) => !removed.has(container));
  return { ...survey, engine: { ...report, containers } };
}

/** Removes dead holders and stale entries. */
async function cleanIn(
  newest: RegistryDocument,
  survey: Survey,
  isPortInUse: (port: number) => Promise<boolean | undefined>,
  now: Date,
): Promise<{ readonly document: RegistryDocument; readonly removed: readonly ListedAssignment[] }> {
  const removed: ListedAssignment[] = [];
  const stale: Entry[] = [];
  for (const entry of entriesOf(newest)) {
    const isUsed = isForeignEntry(entry) ? await isPortInUse(entry.assignment.port) : undefined;
    const judged = judge(entry, survey, now, isUsed);
    if (judged.status !== "stale") continue;
    removed.push(judged);
    stale.push(entry);
  }
  const left = withoutEntries(newest, stale, now);
  const living = withoutGone(left, (holder) => survey.verdictOf(holder) === "gone");
  return { document: withFirstSeen(living, now), removed };
}

/**
 * The leftover containers of this registry: made to live as long as their users, and without users. The document is read
 * after the containers were listed, because the maker of a container is in the document before the container exists. Dead
 * holders are dropped first, so that later starts find no user of the container and do not join it while it is removed.
 */
async function findOrphans(
  { store }: RegistryContext,
  containers: readonly EngineContainer[],
  survey: Survey,
): Promise<readonly EngineContainer[]> {
  const document = await store.update(async (newest) => {
    const living = withoutGone(newest, (holder) => survey.verdictOf(holder) === "gone");
    return { document: living, result: living };
  });
  return containers.filter((container) => isLeftover(container, { ...survey, document }));
}
