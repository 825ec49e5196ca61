import type { RegistryDocument } from "../stores/document.ts";
import type { ListedAssignment } from "./assignment.ts";
import { entriesOf, withoutEntry, withoutGone } from "./edit-document.ts";
import type { EngineContainer } from "./engine.ts";
import type { Holder } from "./holder.ts";
import { LABEL_INSTANCE, LABEL_LIFETIME, LABEL_PROJECT, LABEL_REGISTRY } from "./labels.ts";
import { isForeignEntry, judge } from "./staleness.ts";
import type { Survey } from "./survey.ts";

/** Removes the holders that are gone and the entries that nothing speaks for. */
export async function cleanIn(
  newest: RegistryDocument,
  survey: Survey,
  isPortInUse: (port: number) => Promise<boolean | undefined>,
  now: Date,
): Promise<{ readonly document: RegistryDocument; readonly removed: readonly ListedAssignment[] }> {
  const removed: ListedAssignment[] = [];
  let document = newest;
  for (const entry of entriesOf(newest)) {
    const isUsed = isForeignEntry(entry) ? await isPortInUse(entry.assignment.port) : undefined;
    const judged = judge(entry, survey, now, isUsed);
    if (judged.status !== "stale") continue;
    removed.push(judged);
    document = withoutEntry(document, entry, now);
  }
  return { document: withoutGone(document, (holder) => survey.verdictOf(holder) === "gone"), removed };
}

/**
 * The containers that this registry's holders left behind: made to live as long as somebody uses them, and nobody does.
 * `document` must have been read after the containers were listed: who makes a container is in the document before it.
 */
export function findOrphans(
  containers: readonly EngineContainer[],
  document: RegistryDocument,
  registryPath: string,
  isGone: (holder: Holder) => boolean,
): readonly EngineContainer[] {
  const used = new Set(
    entriesOf(document)
      .filter((entry) => entry.holders.some((holder) => holder.usesContainer && !isGone(holder)))
      .map(({ assignment }) => nameOf(assignment.projectPath, assignment.instance)),
  );
  return containers.filter(
    ({ labels }) =>
      labels[LABEL_REGISTRY] === registryPath &&
      labels[LABEL_LIFETIME] === "holders" &&
      !used.has(nameOf(labels[LABEL_PROJECT] ?? "", labels[LABEL_INSTANCE] || undefined)),
  );
}

function nameOf(projectPath: string, instance: string | undefined): string {
  return JSON.stringify([projectPath, instance ?? null]);
}
