import createDebug from "debug";
import type { EngineContainer } from "../../docker/engine.ts";
import type { RegistryDocument } from "../../stores/document.ts";
import type { ListedAssignment } from "../assignment.ts";
import { type Entry, entriesOf, withoutEntries } from "../document/edit-document.ts";
import { withFirstSeen } from "./first-seen.ts";
import { isImageCopy, isLabelledFor, isLeftover, type Owner } from "./ownership.ts";
import { isForeignEntry, judge } from "./staleness.ts";
import { type RegistryContext, type Survey, takeSurvey, withoutDead } from "./survey.ts";

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
    await takeSurvey(context, await store.read({ isForChange: true }), true),
    options,
  );
  if (!hasWork(survey, now)) return [];
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
  return withoutOrphans(context, survey, options, (container) => isLabelledFor(container, owner));
}

/** Whether a cleaning could remove anything, according to an existing survey. */
export function hasStale(document: RegistryDocument, survey: Survey, now: Date): boolean {
  const isStale = entriesOf(document).some((entry) =>
    judge(entry, survey, now, undefined).evidence.every(({ kind, verdict }) => verdict === "gone" || kind === "port"),
  );
  return isStale || leftoversIn({ ...survey, document }).length > 0;
}

/** Whether a cleaning would find anything to remove, according to the surveyed document. */
export function hasWork(survey: Survey, now: Date): boolean {
  const { document } = survey;
  return (
    withoutDead(document, survey) !== document ||
    withFirstSeen(document, now) !== document ||
    hasStale(document, survey, now)
  );
}

/** The containers that seem to be left over, according to the surveyed document. */
function leftoversIn(survey: Survey): readonly EngineContainer[] {
  if (!survey.engine.isReachable) return [];
  const view = { ...survey, document: withoutDead(survey.document, survey) };
  return survey.engine.containers.filter((container) => isLeftover(container, view));
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
  const seeming = leftoversIn(survey).filter(isMeant);
  if (!report.isReachable || engine === undefined || seeming.length === 0) return survey;
  const removed = new Set<EngineContainer>();
  for (const orphan of await findOrphans(context, seeming, survey)) {
    try {
      if (isImageCopy(orphan.labels, await engine.imageLabels?.(orphan.id))) continue;
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
  const living = withoutDead(withoutEntries(newest, stale, now), survey);
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
    const living = withoutDead(newest, survey);
    return { document: living, result: living };
  });
  return containers.filter((container) => isLeftover(container, { ...survey, document }));
}
