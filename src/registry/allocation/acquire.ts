import { setTimeout as delay } from "node:timers/promises";
import { warn } from "../../errors/warning.ts";
import { checkDurationMs } from "../../settings/config.ts";
import type { RegistryDocument } from "../../stores/document.ts";
import type { PortAssignment } from "../assignment.ts";
import { entryOf } from "../document/edit-document.ts";
import { cleanUp, hasStale, withoutLeftoversOf } from "../evidence/clean.ts";
import { isEngineAbsent, lookAround, type RegistryContext, type Survey } from "../evidence/survey.ts";
import type { Holder } from "../holder.ts";
import type { PortProbe } from "../host/port-probe.ts";
import type { Decision } from "./assign.ts";
import {
  ambiguousError,
  conflictError,
  graceError,
  leavingError,
  otherContainerError,
  otherPortError,
} from "./assignment-errors.ts";
import { describeExhaustion, exhaustedError } from "./exhausted.ts";
import { leaveQueue, QUEUE_POLL_MS, unassigned, waitInQueue } from "./port-queue.ts";
import { leased } from "./renewal.ts";
import { type AssignOutcome, type AssignRequest, type Grant, wantedRange } from "./request.ts";
import { WaitBudget } from "./wait-budget.ts";

const LEAVE_POLL_MS = 25;
const LEAVE_TIMEOUT_MS = 60_000;
/** Removing a container takes less; after that, check whether it is gone already. */
const LEAVE_LOOK_MS = 5_000;
const GRACE_POLL_MS = 1_000;
/** How long a caller waits even without `waitTimeoutMs`. */
const SHORT_GRACE_MS = 5_000;

/** Which assignment of a project. */
export type ProjectOptions = {
  /** The name of a second IRIS in the same project. */
  readonly instance?: string | undefined;
};

/** How to assign a port. */
export type AssignOptions = ProjectOptions & {
  /**
   * A demand despite its name: exactly this port from 1 to 65535, even outside the range. There is no fallback; a port
   * that is taken is a PortConflictError.
   */
  readonly preferredPort?: number | undefined;
  /** The holder of the port. @default this process */
  readonly holder?: Holder | undefined;
  /** Also assigns the web port, 52773 + (port - 1972). */
  readonly hasWebPort?: boolean | undefined;
  /** How long to queue while all ports are taken, in milliseconds. @default 0 */
  readonly waitTimeoutMs?: number | undefined;
  /** Called while waiting, with the place in the queue, from 1. */
  readonly onWait?: ((state: { readonly position: number; readonly waitedMs: number }) => void) | undefined;
};

/** An assignment with what a container module needs in addition. */
export type Acquisition = Grant & {
  /** The holder for which the port was assigned. */
  readonly holder: Holder;
};

/** Serves a request: surveys, decides under the lock, and cleans up and waits if no port is free. */
export async function acquirePort(
  context: RegistryContext,
  request: AssignRequest,
  decide: Decision,
  options: AssignOptions,
): Promise<Acquisition> {
  try {
    return await decideInTurn(context, request, decide, options);
  } catch (error) {
    // A caller that gives up must not keep later waiters waiting.
    if (options.waitTimeoutMs) await leaveQueue(context, request.waiterId);
    throw error;
  }
}

async function decideInTurn(
  context: RegistryContext,
  request: AssignRequest,
  decide: Decision,
  options: AssignOptions,
): Promise<Acquisition> {
  const budget = new WaitBudget(checkDurationMs(options.waitTimeoutMs ?? 0, "waitTimeoutMs"));
  const asked = { ...request, passedOver: budget.passedOver };
  let isEngineNeeded = false;
  for (;;) {
    const seen = await budget.with(() => attempt(context, asked, decide, isEngineNeeded));
    const { outcome } = seen;
    if (outcome.kind === "assigned") {
      const { kind: _, ...grant } = outcome;
      warnWhereBlind(seen.survey, grant.assignment);
      return { ...grant, holder: seen.holder };
    }
    if (outcome.kind === "leaving") isEngineNeeded = budget.leavingMs > LEAVE_LOOK_MS;
    else budget.endLeaving();
    if (outcome.kind === "engine-needed") isEngineNeeded = true;
    else if (!(await budget.with(() => hasNewChance(outcome, seen, context, request, budget, options.onWait))))
      throw await refusal(outcome, context, request, seen, budget.removed);
  }
}

let isWarned = false;

/** The port may be a stopped container's: that is said, not left to be found out. Once is enough for a process. */
function warnWhereBlind({ engine, isEngineAsked }: Survey, { port }: PortAssignment): void {
  if (isWarned || engine.isReachable || !isEngineAsked || isEngineAbsent(engine)) return;
  isWarned = true;
  warn(`Port ${port} was chosen without looking at containers.\n${engine.reason}`, "CONTAINER_ENGINE");
}

/** Does what may change the outcome: waits for a leaving user, cleans up, queues. False if nothing is left to try. */
async function hasNewChance(
  refused: Refusal,
  { document, survey }: Attempt,
  context: RegistryContext,
  request: AssignRequest,
  budget: WaitBudget,
  onWait: AssignOptions["onWait"],
): Promise<boolean> {
  const { kind } = refused;
  if (kind === "leaving") {
    await delay(LEAVE_POLL_MS);
    return budget.leavingMs < LEAVE_TIMEOUT_MS;
  }
  if (refused.kind === "grace") {
    const leftMs = refused.until.getTime() - context.clock().getTime();
    if (!budget.isWaiting && leftMs > SHORT_GRACE_MS) return false;
    await delay(Math.min(leftMs, GRACE_POLL_MS));
    return true;
  }
  if (refused.kind !== "conflict" && refused.kind !== "exhausted") return false;
  const isReserved = budget.observeReservations(refused.reservedFor ?? []);
  if (budget.isCleaningDue && hasStale(document, survey, context.clock())) {
    budget.cleaned((await cleanUp(context)).length);
    return true;
  }
  if (budget.isWaiting) await waitInQueue(context, request, budget, onWait);
  else if (isReserved) await delay(QUEUE_POLL_MS);
  else return false;
  return true;
}

/** An attempt's outcome, with the document and the survey that decided it, and the holder for which it was made. */
type Attempt = {
  readonly outcome: AssignOutcome;
  readonly document: RegistryDocument;
  readonly survey: Survey;
  readonly holder: Holder;
};

/** Surveys, then decides on the newest document, without the lock if no port has to be probed. */
async function attempt(
  context: RegistryContext,
  request: AssignRequest,
  decide: Decision,
  isEngineNeeded: boolean,
): Promise<Attempt> {
  const { store, clock } = context;
  const before = await store.read({ isForChange: true });
  const isNew = entryOf(before, request.projectKey) === undefined;
  const looked = await lookAround(context, before, isEngineNeeded || isNew);
  // With a port, the start of a container does so itself, protected by the container's name.
  const isStart = request.holder.usesContainer && !isNew;
  const survey = isStart ? looked : await withoutLeftoversOf(context, request, looked);
  const { probe } = context;
  const decideWith = (look: PortProbe | undefined) => async (newest: RegistryDocument) => {
    // The lease begins now: the request may have waited for longer than it lasts.
    const holder = request.isRenewed && store.shared ? leased(request.holder, store.shared) : request.holder;
    const { document, outcome } = await decide(newest, { ...request, holder }, survey, look, clock());
    return { document, result: { outcome, document, survey, holder } };
  };
  if (!isNew || unassigned(before, wantedRange(request)) === 0) {
    try {
      return await store.update(decideWith(probe && unprobed), { isLockOptional: true });
    } catch (error) {
      if (!(error instanceof ProbeNeeded)) throw error;
    }
  }
  return store.update(decideWith(probe));
}

/** Probes under the lock, because two probes of one port would see each other. */
class ProbeNeeded extends Error {}

const unprobed: PortProbe = async () => {
  throw new ProbeNeeded();
};

type Refusal = Exclude<AssignOutcome, { kind: "assigned" | "engine-needed" }>;

async function refusal(
  outcome: Refusal,
  context: RegistryContext,
  request: AssignRequest,
  { document, survey }: Attempt,
  removed: number,
): Promise<Error> {
  const { store, clock, probe } = context;
  const registryPath = store.location;
  switch (outcome.kind) {
    case "ambiguous":
      return ambiguousError(outcome.assignment);
    case "other-port":
      return otherPortError(outcome.assignment, request.preferredPort as number, { ...outcome, registryPath });
    case "other-container":
      return otherContainerError(outcome.container, request, registryPath);
    case "leaving":
      return leavingError(outcome.assignment, LEAVE_TIMEOUT_MS);
    case "grace":
      return graceError(registryPath, outcome.until, clock());
    case "conflict":
      return conflictError(outcome.port, outcome.occupant, { ...request, ...outcome, registryPath });
    case "exhausted": {
      const found = { occupants: outcome.occupants, reserved: outcome.reservedFor.length, removed };
      const view = { document, survey, probe, asker: request };
      // Ports are probed for it, one process after the other.
      const exhaustion = await store.update(
        async () => ({ result: await describeExhaustion(view, request, found, clock()) }),
        { isLockOptional: probe === undefined },
      );
      return exhaustedError(exhaustion, registryPath);
    }
  }
}
