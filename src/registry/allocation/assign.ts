import type { RegistryDocument } from "../../stores/document.ts";
import type { PortAssignment } from "../assignment.ts";
import { type Entry, entryOf, withEntry, withHolders, withoutEntry, withoutWaiter } from "../document/edit-document.ts";
import { toDetail } from "../document/records.ts";
import type { PortOccupant } from "../errors.ts";
import { ownershipOf } from "../evidence/ownership.ts";
import { isForeignEntry, judge } from "../evidence/staleness.ts";
import { containersOf, engineNote, type Survey, withoutDead } from "../evidence/survey.ts";
import { type Holder, processText } from "../holder.ts";
import type { PortProbe } from "../host/port-probe.ts";
import { LABEL_REGISTRY } from "../labels.ts";
import { findOccupant } from "./occupancy.ts";
import type { Assigned, AssignOutcome, AssignRequest, AssignView } from "./request.ts";
import { newGeneration, takePort, usesOf } from "./take-port.ts";
import { checkWebPort, webPortOf } from "./web-port.ts";

/** Decides a request on the newest document, under the lock. Only ports are probed here; the rest was surveyed before. */
export type Decision = (
  newest: RegistryDocument,
  request: AssignRequest,
  survey: Survey,
  probe: PortProbe | undefined,
  now: Date,
) => Promise<Assigned>;

/** Joins the project's assignment, or takes a port for it. */
export const decideAssignment: Decision = async (newest, request, survey, probe, now) => {
  const document = withoutFinished(withoutDead(newest, survey), request, survey);
  const view: AssignView = { document, survey, probe, request, asker: request };
  const entry = entryFor(document, request);
  const refuse = (outcome: AssignOutcome): Assigned => ({ document, outcome });
  if (entry === undefined) return survey.isEngineAsked ? takePort(view, now) : refuse({ kind: "engine-needed" });

  const { assignment } = entry;
  if (assignment.projectPath !== request.projectPath || assignment.instance !== request.instance)
    return refuse({ kind: "ambiguous", assignment });
  if (entry.holders.some((holder) => holder.isLeaving && holder.id !== request.holder.id))
    return refuse({ kind: "leaving", assignment });
  if (!survey.isEngineAsked && dependsOnEngine(entry, newest, request)) return refuse({ kind: "engine-needed" });
  if (entry.holders.length === 0 && (await isLost(entry, view, now)))
    return takePort({ ...view, document: withoutEntry(document, entry, now) }, now);
  if (request.preferredPort !== undefined && request.preferredPort !== assignment.port)
    return refuse({
      kind: "other-port",
      assignment,
      isForeign: isForeignEntry(entry),
      isContainerUsed: entry.holders.some(({ usesContainer }) => usesContainer),
    });
  return join(entry, view, now);
};

/** Whether the engine has to be asked before a request joins the entry, whose dead holders have been dropped. */
function dependsOnEngine({ holders }: Entry, newest: RegistryDocument, { holder, projectKey }: AssignRequest): boolean {
  // No holder is known to live, so the port may be in use by another program by now.
  if (holders.length === 0) return true;
  // The container is about to be made, perhaps on another engine than the entry notes.
  if (holder.usesContainer) return isFirstUser(holder, { holders });
  // The users of its container have died, so leftovers are removed before the port is handed out.
  const hadUsers = (newest.holders.get(projectKey) ?? []).some((record) => record.uses_container);
  return hadUsers && !holders.some((other) => other.usesContainer);
}

/** The key of an entry of the Python tool may be a path with a # in it, or a path and an instance; the request decides. */
function entryFor(document: RegistryDocument, { projectKey, projectPath, instance }: AssignRequest): Entry | undefined {
  const entry = entryOf(document, projectKey);
  if (entry === undefined || entry.detail !== undefined) return entry;
  const { instance: _, ...assignment } = entry.assignment;
  return { ...entry, assignment: { ...assignment, projectPath, ...(instance === undefined ? {} : { instance }) } };
}

/**
 * Moves the assignment to another port after the engine refused the present one; all its holders move with it.
 * It does not move if the port was asked for by number, if another kind of holder or the Python tool relies on it, or if a
 * container of the project that no registry made publishes it.
 */
export const decideReassignment: Decision = async (newest, request, survey, probe, now) => {
  const document = withoutDead(newest, survey);
  const entry = entryOf(document, request.projectKey);
  if (entry === undefined || !request.refusedPorts.includes(entry.assignment.port))
    return decideAssignment(document, request, survey, probe, now);
  if (!survey.isEngineAsked) return { document, outcome: { kind: "engine-needed" } };
  const isForeign = isForeignEntry(entry);
  const isPinned =
    entry.assignment.assignmentType === "manual" ||
    isForeign ||
    entry.holders.some(
      (holder) => holder.id !== request.holder.id && !(holder.kind === "process" && holder.usesContainer),
    );
  const view: AssignView = { document: withoutEntry(document, entry, now), survey, probe, request, asker: request };
  const { port } = entry.assignment;
  const own = ownPublisher(entry, document, survey);
  if (own !== undefined) return { document, outcome: { kind: "conflict", port, occupant: own, isForeign } };
  if (isPinned) {
    const unseen = { kind: "listener", port, name: "a program that cannot be seen from here" } as const;
    const occupant = (await findOccupant(port, view)) ?? unseen;
    return { document, outcome: { kind: "conflict", port, occupant, isForeign } };
  }
  const others = entry.holders.filter((holder) => holder.id !== request.holder.id);
  const taken = await takePort(view, now, others);
  return taken.outcome.kind === "assigned" ? taken : { document, outcome: taken.outcome };
};

/** The project's own container on its port, if no registry made it, such as one of docker compose. */
function ownPublisher({ assignment }: Entry, document: RegistryDocument, survey: Survey): PortOccupant | undefined {
  const { port } = assignment;
  const own = containersOf(survey, document, assignment).find(
    ({ hostPorts, labels }) => hostPorts.includes(port) && !labels[LABEL_REGISTRY],
  );
  return own && { kind: "container", port, name: own.name };
}

/**
 * Drops a holder that was already leaving before the engine was asked, and whose container is gone: it only failed to release
 * the port, and other starts would wait for it as long as its process lives.
 */
function withoutFinished(document: RegistryDocument, { projectKey }: AssignRequest, survey: Survey): RegistryDocument {
  const entry = entryOf(document, projectKey);
  if (entry === undefined || !survey.engine.isReachable || containersOf(survey, document, entry.assignment).length > 0)
    return document;
  const seen = survey.document.holders.get(projectKey) ?? [];
  const finished = new Set(seen.filter(({ leaving }) => leaving).map(({ id }) => id));
  const holders = document.holders.get(projectKey) ?? [];
  const left = holders.filter(({ id, leaving }) => !(leaving && finished.has(id)));
  return left.length === holders.length ? document : withHolders(document, projectKey, left);
}

/** True if an entry without holders is stale, or another program has taken its port. */
async function isLost(entry: Entry, view: AssignView, now: Date): Promise<boolean> {
  const { survey, probe } = view;
  const isFree = probe === undefined ? undefined : await probe(entry.assignment.port);
  const { status, evidence } = judge(entry, survey, now, isFree === undefined ? undefined : !isFree);
  if (status === "stale" || isLeftoverOn(entry, view)) return true;
  if (isForeignEntry(entry) || entry.assignment.assignmentType === "manual") return false;
  // The listener may be a container of an engine that cannot be asked from here.
  if (evidence.some(({ kind, verdict }) => kind === "engine" && verdict === "unknown")) return false;
  return containersOf(survey, view.document, entry.assignment).length === 0 && isFree === false;
}

/** True if a leftover container that could not be removed publishes the port. */
function isLeftoverOn({ assignment }: Entry, { document, survey, request }: AssignView): boolean {
  if (!survey.engine.isReachable || request.holder.usesContainer) return false;
  return survey.engine.containers.some(
    (container) =>
      container.hostPorts.includes(assignment.port) &&
      ownershipOf(container, assignment, { ...survey, document }).kind === "leftover",
  );
}

async function join(entry: Entry, view: AssignView, now: Date): Promise<Assigned> {
  const { document, request, survey } = view;
  const { holder } = request;
  const others = entry.holders.filter((other) => other.id !== holder.id);
  const before = entry.holders.find((other) => other.id === holder.id);
  const needsWebPort = request.hasWebPort && entry.assignment.webPort === undefined;
  const obstacle = needsWebPort ? await webPortObstacle(entry.assignment.port, view) : undefined;
  if (obstacle !== undefined) return { document, outcome: obstacle };
  const assignment: PortAssignment = {
    ...entry.assignment,
    ...(request.preferredPort === undefined ? {} : { assignmentType: "manual" }),
    ...(needsWebPort ? { webPort: webPortOf(entry.assignment.port) } : {}),
  };
  const generation = generationFor(holder, entry);
  const isUnchanged = generation === entry.detail?.generation && !needsWebPort && isSameHolder(before, holder);
  const earlierHolders = before === undefined ? others : entry.holders.slice(0, entry.holders.indexOf(before));
  const grant = { assignment, generation, ...usesOf(others, now), earlierHolders };
  const outcome: AssignOutcome = { kind: "assigned", ...grant };
  if (isUnchanged && assignment.assignmentType === entry.assignment.assignmentType)
    return { document: withoutWaiter(document, request.waiterId), outcome };
  const detail = {
    ...entry.detail,
    ...toDetail(assignment, generation),
    ...engineNote(survey, entry.detail?.engine),
    ...(isForeignEntry(entry) ? { foreign: true as const } : {}),
  };
  const holders = [...others, { ...holder, since: before?.since ?? holder.since }];
  const joined = withEntry(document, { assignment, detail, holders });
  return { document: withoutWaiter(joined, request.waiterId), outcome };
}

/** The present generation, or a new one if no user of the project's container is known. */
function generationFor(holder: Holder, { detail, holders }: Entry): string {
  return detail === undefined || isFirstUser(holder, { holders }) ? newGeneration() : detail.generation;
}

function isFirstUser(holder: Holder, { holders }: Pick<Entry, "holders">): boolean {
  return holder.usesContainer === true && !holders.some((other) => other.usesContainer);
}

/** Why an assigned port cannot get a web port, if it cannot. */
async function webPortObstacle(port: number, view: AssignView): Promise<AssignOutcome | undefined> {
  checkWebPort(port);
  if (!view.survey.isEngineAsked) return { kind: "engine-needed" };
  const occupant = await findOccupant(webPortOf(port), view);
  return occupant && { kind: "conflict", port: occupant.port, occupant };
}

/** True if the document would not change. */
function isSameHolder(before: Holder | undefined, holder: Holder): boolean {
  return (
    before !== undefined &&
    !before.isLeaving &&
    (before.usesContainer ?? false) === (holder.usesContainer ?? false) &&
    before.expiresAt?.getTime() === holder.expiresAt?.getTime() &&
    processText(before) === processText(holder)
  );
}
