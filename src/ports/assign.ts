import { randomBytes } from "node:crypto";
import type { RegistryDocument, WaiterRecord } from "../stores/document.ts";
import type { PortAssignment } from "./assignment.ts";
import { portsInOrder, withoutReserved } from "./choose-port.ts";
import { type Entry, entryOf, withEntry, withoutEntry, withoutGone, withoutWaiter } from "./edit-document.ts";
import type { PortOccupant } from "./errors.ts";
import type { Holder } from "./holder.ts";
import { findOccupant, ownContainerPort, type PortView } from "./occupancy.ts";
import { containerName } from "./project.ts";
import { isForeignEntry, judge } from "./staleness.ts";
import { containersOf, type Survey } from "./survey.ts";
import { checkWebPort, webPortOf } from "./web-port.ts";

/** Who wants a port, and which. */
export type AssignRequest = {
  readonly projectPath: string;
  readonly instance: string | undefined;
  readonly projectKey: string;
  readonly holder: Holder;
  readonly preferredPort: number | undefined;
  readonly hasWebPort: boolean;
  readonly portRange: readonly [number, number];
  /** Ports that the engine refused: they look free from here, and are not. */
  readonly refusedPorts: readonly number[];
  /** The place in the queue, for somebody who waits. */
  readonly waiterId: string;
};

/** What came of a request. Everything but `assigned` leaves the document as it was, holders that are gone excepted. */
export type AssignOutcome =
  | { readonly kind: "assigned"; readonly assignment: PortAssignment; readonly tenure: string }
  /** The engine was not asked, and has to be. */
  | { readonly kind: "engine-needed" }
  /** The last user of the project's container is just removing it. */
  | { readonly kind: "leaving"; readonly assignment: PortAssignment }
  | { readonly kind: "conflict"; readonly port: number; readonly occupant: PortOccupant }
  /** The project holds another port than the preferred one. */
  | { readonly kind: "other-port"; readonly assignment: PortAssignment }
  /** Another project and instance have the same key. */
  | { readonly kind: "ambiguous"; readonly assignment: PortAssignment }
  | { readonly kind: "exhausted" };

type AssignView = PortView & { readonly request: AssignRequest };

export type Assigned = { readonly document: RegistryDocument; readonly outcome: AssignOutcome };

/** {@link assignIn} or {@link reassignIn}. */
export type Decision = typeof assignIn;

/** Decides a request on the newest document. Runs under the lock: probes are made here, everything else was seen before. */
export async function assignIn(
  newest: RegistryDocument,
  request: AssignRequest,
  survey: Survey,
  probe: ((port: number) => Promise<boolean>) | undefined,
  now: Date,
): Promise<Assigned> {
  const document = withoutGone(newest, (holder) => survey.verdictOf(holder) === "gone");
  const view: AssignView = { document, survey, probe, request, asker: request };
  const entry = entryOf(document, request.projectKey);
  const refuse = (outcome: AssignOutcome): Assigned => ({ document, outcome });
  if (entry === undefined) return survey.isEngineAsked ? takePort(view, now) : refuse({ kind: "engine-needed" });

  const { assignment } = entry;
  if (assignment.projectPath !== request.projectPath || assignment.instance !== request.instance)
    return refuse({ kind: "ambiguous", assignment });
  if (entry.holders.some((holder) => holder.isLeaving && holder.id !== request.holder.id))
    return refuse({ kind: "leaving", assignment });
  if (entry.holders.length === 0) {
    // Nobody vouches for it: it may have died, and its port may be somebody else's by now.
    if (!survey.isEngineAsked) return refuse({ kind: "engine-needed" });
    if (await isLost(entry, view, now)) {
      const without = withoutEntry(document, entry, now);
      return takePort({ ...view, document: without }, now);
    }
  }
  if (request.preferredPort !== undefined && request.preferredPort !== assignment.port)
    return refuse({ kind: "other-port", assignment });
  return join(entry, view);
}

/**
 * Moves the assignment to another port after the engine refused the present one; everybody who holds it moves along.
 * A port that was asked for by number, or that somebody has in hand already, does not move.
 */
export async function reassignIn(
  newest: RegistryDocument,
  request: AssignRequest,
  survey: Survey,
  probe: ((port: number) => Promise<boolean>) | undefined,
  now: Date,
): Promise<Assigned> {
  const document = withoutGone(newest, (holder) => survey.verdictOf(holder) === "gone");
  const entry = entryOf(document, request.projectKey);
  if (entry === undefined || !request.refusedPorts.includes(entry.assignment.port))
    return assignIn(document, request, survey, probe, now);
  if (!survey.isEngineAsked) return { document, outcome: { kind: "engine-needed" } };
  const isPinned =
    entry.assignment.assignmentType === "manual" ||
    isForeignEntry(entry) ||
    entry.holders.some(
      (holder) => holder.id !== request.holder.id && !(holder.kind === "process" && holder.usesContainer),
    );
  const view: AssignView = { document: withoutEntry(document, entry, now), survey, probe, request, asker: request };
  if (isPinned) {
    const { port } = entry.assignment;
    const unseen = { kind: "listener", port, name: "something the container engine cannot bind beside" } as const;
    return { document, outcome: { kind: "conflict", port, occupant: (await findOccupant(port, view)) ?? unseen } };
  }
  const others = entry.holders.filter((holder) => holder.id !== request.holder.id);
  const taken = await takePort(view, now, others);
  return taken.outcome.kind === "assigned" ? taken : { document, outcome: taken.outcome };
}

/** True where an entry that nobody holds has no evidence of life left, or its port was taken by a stranger. */
async function isLost(entry: Entry, view: AssignView, now: Date): Promise<boolean> {
  const { survey, probe } = view;
  const isFree = probe === undefined ? undefined : await probe(entry.assignment.port);
  const { status } = judge(entry, survey, now, isFree === undefined ? undefined : !isFree);
  if (status === "stale") return true;
  if (isForeignEntry(entry) || !survey.engine.isReachable || entry.assignment.assignmentType === "manual") return false;
  return containersOf(survey.engine, entry.assignment).length === 0 && isFree === false;
}

async function join(entry: Entry, view: AssignView): Promise<Assigned> {
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
  const tenure = tenureFor(holder, entry);
  const isUnchanged = tenure === entry.detail?.tenure && !needsWebPort && isSameHolder(before, holder);
  if (isUnchanged && assignment.assignmentType === entry.assignment.assignmentType)
    return { document: withoutWaiter(document, request.waiterId), outcome: { kind: "assigned", assignment, tenure } };
  const detail = {
    ...entry.detail,
    port: assignment.port,
    tenure,
    ...(assignment.webPort === undefined ? {} : { web_port: assignment.webPort }),
    ...(survey.engine.endpoint === undefined ? {} : { engine: survey.engine.endpoint }),
    ...(isForeignEntry(entry) ? { foreign: true as const } : {}),
  };
  const holders = [...others, { ...holder, since: before?.since ?? holder.since }];
  const joined = withEntry(document, { assignment, detail, holders });
  return { document: withoutWaiter(joined, request.waiterId), outcome: { kind: "assigned", assignment, tenure } };
}

/** A new one where nobody has used the project's container until now. */
function tenureFor(holder: Holder, { detail, holders }: Entry): string {
  const isFirstUser = holder.usesContainer === true && !holders.some((other) => other.usesContainer);
  return detail === undefined || isFirstUser ? newTenure() : detail.tenure;
}

/** What keeps a port that is held already from getting a web port beside it. */
async function webPortObstacle(port: number, view: AssignView): Promise<AssignOutcome | undefined> {
  checkWebPort(port);
  if (!view.survey.isEngineAsked) return { kind: "engine-needed" };
  const occupant = await findOccupant(webPortOf(port), view);
  return occupant && { kind: "conflict", port: occupant.port, occupant };
}

/** True where the document says already what it would say afterwards. */
function isSameHolder(before: Holder | undefined, holder: Holder): boolean {
  return (
    before !== undefined &&
    !before.isLeaving &&
    (before.usesContainer ?? false) === (holder.usesContainer ?? false) &&
    before.expiresAt?.getTime() === holder.expiresAt?.getTime()
  );
}

async function takePort(view: AssignView, now: Date, others: readonly Holder[] = []): Promise<Assigned> {
  const { document, request, survey } = view;
  const { preferredPort, projectKey } = request;
  const port = preferredPort ?? (await firstFree(view));
  if (port === undefined) return { document, outcome: { kind: "exhausted" } };
  if (preferredPort !== undefined) {
    const occupant = (await firstOccupant(preferredPort, view)) ?? earlierWaiter(preferredPort, view);
    if (occupant !== undefined) return { document, outcome: { kind: "conflict", port: occupant.port, occupant } };
  }
  const assignment: PortAssignment = {
    projectPath: request.projectPath,
    ...(request.instance === undefined ? {} : { instance: request.instance }),
    projectKey,
    port,
    ...(request.hasWebPort ? { webPort: webPortOf(port) } : {}),
    assignedAt: now,
    assignmentType: preferredPort === undefined ? "auto" : "manual",
    status: "active",
    containerName: containerName(projectKey, port),
  };
  const tenure = newTenure();
  const detail = {
    port,
    tenure,
    ...(request.instance === undefined ? {} : { instance: request.instance }),
    ...(assignment.webPort === undefined ? {} : { web_port: assignment.webPort }),
    ...(survey.engine.endpoint === undefined ? {} : { engine: survey.engine.endpoint }),
  };
  const taken = withEntry(document, { assignment, detail, holders: [...others, request.holder] });
  return { document: withoutWaiter(taken, request.waiterId), outcome: { kind: "assigned", assignment, tenure } };
}

async function firstFree(view: AssignView): Promise<number | undefined> {
  const { document, request } = view;
  const order = portsInOrder({
    range: request.portRange,
    projectKey: request.projectKey,
    history: document.history,
    ownContainerPort: ownContainerPort(view, request.portRange),
  }).filter((port) => !request.refusedPorts.includes(port));
  const earlier = waitersBefore(view);
  const free: number[] = [];
  for (const port of order) {
    if ((await firstOccupant(port, view)) !== undefined) continue;
    free.push(port);
    // Only so many can be reserved: no need to probe the rest.
    if (free.length > earlier.length) break;
  }
  return withoutReserved(free, earlier)[0];
}

/**
 * Who stands in the queue before the asker (everybody, for one who does not stand there) and still needs a port: each
 * project once, because those who wait in one project share its port.
 */
function waitersBefore({ document, request }: AssignView): readonly WaiterRecord[] {
  const place = document.waiters.findIndex((waiter) => waiter.id === request.waiterId);
  const before = place < 0 ? document.waiters : document.waiters.slice(0, place);
  const served = new Set([request.projectKey, ...document.assignments.map((record) => record.project_path)]);
  return before.filter(({ project }) => !served.has(project) && served.add(project));
}

/** Somebody who has waited longer for just this port. */
function earlierWaiter(port: number, view: AssignView): PortOccupant | undefined {
  const waiter = waitersBefore(view).find(({ range }) => range[0] === port && range[1] === port);
  return waiter && { kind: "assignment", port, name: `${waiter.project}, which has waited for it` };
}

async function firstOccupant(port: number, view: AssignView): Promise<PortOccupant | undefined> {
  const occupant = await findOccupant(port, view);
  if (occupant !== undefined || !view.request.hasWebPort) return occupant;
  return findOccupant(webPortOf(port), view);
}

function newTenure(): string {
  return randomBytes(6).toString("hex");
}
