import { randomBytes } from "node:crypto";
import type { RegistryDocument, WaiterRecord } from "../../stores/document.ts";
import type { PortAssignment } from "../assignment.ts";
import { makerOf } from "../container-labels.ts";
import { containerUsersOf, isOver, pastUsersOf, withEntry, withoutWaiter } from "../document/edit-document.ts";
import { toDetail, toHolder } from "../document/records.ts";
import type { PortOccupant } from "../errors.ts";
import { withFirstSeen } from "../evidence/first-seen.ts";
import { isLabelledFor } from "../evidence/ownership.ts";
import { engineNote, type Survey } from "../evidence/survey.ts";
import type { Holder } from "../holder.ts";
import { LABEL_CREATOR, LABEL_GENERATION, LABEL_LIFETIME } from "../labels.ts";
import { containerName } from "../project.ts";
import { portsInOrder, withoutReserved } from "./choose-port.ts";
import { findOccupant, madeContainer, ownContainerPort } from "./occupancy.ts";
import type { Assigned, AssignOutcome, AssignView, Grant } from "./request.ts";
import { checkWebPort, webPortOf } from "./web-port.ts";

/** How many engines are remembered besides the present one. */
const ENGINES_LIMIT = 3;

/** Takes a free port for a project that has none; other holders of the assignment move with it. */
export async function takePort(view: AssignView, now: Date, others: readonly Holder[] = []): Promise<Assigned> {
  const { request, survey } = view;
  const { preferredPort, projectKey } = request;
  if (request.hasWebPort && preferredPort === undefined) checkWebPort(request.portRange[1]);
  const document = withFirstSeen(view.document, now);
  const graceUntil = graceOf(document, now);
  if (graceUntil !== undefined) return { document, outcome: { kind: "grace", until: graceUntil } };
  const choice = preferredPort === undefined ? await firstFree(view, now) : await preferred(preferredPort, view, now);
  if (typeof choice !== "number") return { document, outcome: choice };
  const port = choice;
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
  const survivor = survivorOf(view, now);
  const generation = survivor?.generation ?? newGeneration();
  const known = new Set([request.holder.id, ...others.map(({ id }) => id)]);
  const earlier = [...others, ...(survivor?.holders ?? []).filter(({ id }) => !known.has(id))];
  const detail = { ...toDetail(assignment, generation), ...engineNote(survey) };
  const taken = withEntry(withEngine(document, survey), { assignment, detail, holders: [...earlier, request.holder] });
  return {
    document: withoutWaiter(taken, request.waiterId),
    outcome: { kind: "assigned", assignment, generation, ...usesOf(earlier, now), earlierHolders: earlier },
  };
}

/** Notes the engine's ID, so that later processes need not ask for it, and forgets earlier starts of the same engine. */
function withEngine(document: RegistryDocument, { engine }: Survey): RegistryDocument {
  if (!engine.isReachable || engine.incarnation === undefined) return document;
  const { incarnation, id } = engine;
  if (document.engines?.get(incarnation) === id) return document;
  const others = [...(document.engines ?? [])].filter(([, other]) => other !== id);
  return { ...document, engines: new Map([...others.slice(-ENGINES_LIMIT), [incarnation, id]]) };
}

/** Until when no new port is assigned, because the store's server may have lost acknowledged changes. */
function graceOf({ server }: RegistryDocument, now: Date): Date | undefined {
  const until = server?.grace_until === undefined ? undefined : new Date(server.grace_until);
  return until !== undefined && until > now ? until : undefined;
}

async function firstFree(view: AssignView, now: Date): Promise<number | AssignOutcome> {
  const { document, request } = view;
  const own = ownContainerPort(view, request.portRange);
  if (request.hasWebPort && own !== undefined) checkWebPort(own);
  const order = portsInOrder({
    range: request.portRange,
    projectKey: request.projectKey,
    history: document.history,
    ownContainerPort: own,
  }).filter((port) => !request.refusedPorts.includes(port));
  const earlier = waitersBefore(view, now);
  const free: number[] = [];
  const occupants: PortOccupant[] = [];
  for (const port of order) {
    const occupant = await firstOccupant(port, view);
    if (occupant === undefined) free.push(port);
    else if (occupant.kind !== "assignment") occupants.push(occupant);
    // No more ports than this can be reserved, so the rest need not be probed.
    if (free.length > earlier.length) break;
  }
  const [port] = withoutReserved(free, earlier);
  if (port !== undefined) return port;
  const reservedFor = earlier.filter(({ range: [first, last] }) => free.some((one) => first <= one && one <= last));
  return { kind: "exhausted", occupants, reservedFor: reservedFor.slice(0, free.length).map(({ id }) => id) };
}

async function preferred(port: number, view: AssignView, now: Date): Promise<number | AssignOutcome> {
  const made = madeContainer(view);
  if (made !== undefined && made.port !== port) return { kind: "other-container", container: made };
  const occupant = await firstOccupant(port, view);
  if (occupant !== undefined) return { kind: "conflict", port: occupant.port, occupant };
  const waiter = waitersBefore(view, now).find(({ range }) => range[0] === port && range[1] === port);
  if (waiter === undefined) return port;
  return { kind: "conflict", port, occupant: { kind: "waiter", port, name: waiter.project }, reservedFor: [waiter.id] };
}

/**
 * The waiters before this request (all of them, if it is not in the queue) that still need a port: one per project, because
 * waiters of one project share its port. An entry whose wait has expired does not count, even if its process lives.
 */
function waitersBefore({ document, request }: AssignView, now: Date): readonly WaiterRecord[] {
  const place = document.waiters.findIndex((waiter) => waiter.id === request.waiterId);
  const before = place < 0 ? document.waiters : document.waiters.slice(0, place);
  const served = new Set([request.projectKey, ...document.assignments.map((record) => record.project_path)]);
  return before
    .filter(({ id }) => !request.passedOver?.has(id))
    .filter((waiter) => !isOver(waiter, now))
    .filter(({ project }) => !served.has(project) && served.add(project));
}

async function firstOccupant(port: number, view: AssignView): Promise<PortOccupant | undefined> {
  const occupant = await findOccupant(port, view);
  if (occupant !== undefined || !view.request.hasWebPort) return occupant;
  return findOccupant(webPortOf(port), view);
}

/** A use of the project's container that continues: its generation, and its holders that the document no longer lists. */
type Survivor = { readonly generation: string; readonly holders: readonly Holder[] };

/**
 * The use of a container does not end because its port was released or cleared, or the document was lost: later starts
 * join it and know that they are not its only users.
 */
function survivorOf({ document, survey, asker }: AssignView, now: Date): Survivor | undefined {
  const past = pastUsersOf(document, asker.projectKey);
  if (past?.users !== undefined && past.generation !== undefined)
    return { generation: past.generation, holders: past.users.map(toHolder) };
  if (!survey.engine.isReachable) return undefined;
  const container = survey.engine.containers.find(
    (candidate) => isLabelledFor(candidate, asker) && survey.makerVerdictOf(candidate) === "alive",
  );
  const generation = container?.labels[LABEL_GENERATION];
  if (container === undefined || !generation) return undefined;
  const { [LABEL_LIFETIME]: lifetime, [LABEL_CREATOR]: creator } = container.labels;
  return { generation, holders: lifetime === "holders" && creator ? [makerOf(container, now)] : [] };
}

/** What the other holders do with the project's container. */
export function usesOf(holders: readonly Holder[], now: Date): Pick<Grant, "otherUsers" | "isBeingRestarted"> {
  const users = containerUsersOf(holders);
  return {
    otherUsers: new Set(users.map(({ id }) => id)),
    isBeingRestarted: users.some(({ restartsUntil }) => restartsUntil !== undefined && restartsUntil > now),
  };
}

/** A new, unique name. */
export function newGeneration(): string {
  return randomBytes(6).toString("hex");
}
