import type { ListedAssignment, WaitingProject } from "../assignment.ts";
import { entriesOf } from "../document/edit-document.ts";
import { toHolder } from "../document/records.ts";
import { bindProbe, type PortProbe, quietProbe } from "../host/port-probe.ts";
import { isForeignEntry, judge } from "./staleness.ts";
import { type RegistryContext, takeSurvey } from "./survey.ts";

/** Every assignment with its holders, the evidence and the status that follows from it, in the order of ports. */
export async function listAssignments(context: RegistryContext): Promise<ListedAssignment[]> {
  const document = await context.store.read();
  if (document.assignments.length === 0) return [];
  const survey = await takeSurvey(context, document, true);
  const now = context.clock();
  const entries = entriesOf(document);
  const foreignPorts = entries.filter(isForeignEntry).map(({ assignment }) => assignment.port);
  const used = await portsInUse(context, foreignPorts);
  return entries
    .map((entry) => judge(entry, survey, now, used.get(entry.assignment.port)))
    .sort((a, b) => a.port - b.port);
}

/** The queue for a port in its order, without waiters that are provably gone. */
export async function listWaiting(context: RegistryContext): Promise<WaitingProject[]> {
  const document = await context.store.read();
  if (document.waiters.length === 0) return [];
  const { verdictOf } = await takeSurvey(context, document, false);
  return document.waiters
    .map(({ project, since, holder }) => ({ projectKey: project, since: new Date(since), holder: toHolder(holder) }))
    .filter(({ holder }) => verdictOf(holder) !== "gone");
}

/** Determines which ports are in use. If ports must be bound for that, under the lock: probes of one port see each other. */
async function portsInUse(
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
