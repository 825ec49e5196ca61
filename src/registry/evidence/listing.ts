import type { ListedAssignment, WaitingProject } from "../assignment.ts";
import { entriesOf } from "../document/edit-document.ts";
import { toHolder } from "../document/records.ts";
import { isForeignEntry, judge } from "./staleness.ts";
import { lookAround, portsInUse, type RegistryContext } from "./survey.ts";

/** Every assignment with its holders, the evidence and the status that follows from it, in the order of ports. */
export async function listAssignments(surroundings: RegistryContext): Promise<ListedAssignment[]> {
  const document = await surroundings.store.read();
  if (document.assignments.length === 0) return [];
  const survey = await lookAround(surroundings, document, true);
  const now = surroundings.clock();
  const entries = entriesOf(document);
  const foreignPorts = entries.filter(isForeignEntry).map(({ assignment }) => assignment.port);
  const used = await portsInUse(surroundings, foreignPorts);
  return entries
    .map((entry) => judge(entry, survey, now, used.get(entry.assignment.port)))
    .sort((a, b) => a.port - b.port);
}

/** The queue for a port in its order, without waiters that are provably gone. */
export async function listWaiting(surroundings: RegistryContext): Promise<WaitingProject[]> {
  const document = await surroundings.store.read();
  if (document.waiters.length === 0) return [];
  const { verdictOf } = await lookAround(surroundings, document, false);
  return document.waiters
    .map(({ project, since, holder }) => ({ projectKey: project, since: new Date(since), holder: toHolder(holder) }))
    .filter(({ holder }) => verdictOf(holder) !== "gone");
}
