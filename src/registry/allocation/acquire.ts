import { setTimeout as delay } from "node:timers/promises";
import { warn } from "../../errors/warning.ts";
import { checkDurationMs } from "../../settings/checks.ts";
import type { RegistryDocument } from "../../stores/document.ts";
import type { PortAssignment } from "../assignment.ts";
import { entryOf } from "../document/edit-document.ts";
import { cleanUp, hasStale, hasWork, withoutLeftoversOf } from "../evidence/clean.ts";
import { isEngineAbsent } from "../evidence/engine-report.ts";
import { isLabelledFor } from "../evidence/ownership.ts";
import { containersOf, type RegistryContext, type Survey, takeSurvey } from "../evidence/survey.ts";
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
import { holderOn } from "./renewal.ts";
import {
  type Acquisition,
  type AssignOptions,
  type AssignOutcome,
  type AssignRequest,
  wantedRange,
} from "./request.ts";
import { WaitBudget } from "./wait-budget.ts";

const LEAVE_POLL_MS = 25;
const LEAVE_TIMEOUT_MS = 60_000;
/** Removing a container usually takes less time. After that, the engine is asked whether the container is gone. */
const LEAVE_LOOK_MS = 5_000;
const GRACE_POLL_MS = 1_000;
/** How long a caller waits even without `waitTimeoutMs`. */
const SHORT_GRACE_MS = 5_000;

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
  let { cleanFirst } = options;
  for (;;) {
    const seen = await budget.with(() => attempt(context, asked, decide, { isEngineNeeded, cleanFirst }));
    // If the server has answered before, it may be restarting, so the caller waits; a server that never answered is reported
    // at once.
    budget.isServerKnown = context.store.shared !== undefined;
    if (seen.survey.isEngineAsked) cleanFirst = undefined;
    const { outcome } = seen;
    if (outcome.kind === "assigned") {
      if (request.isRenewed && isLate(seen, context)) continue;
      const { kind: _, ...grant } = outcome;
      warnWhereBlind(seen.survey, grant.assignment);
      return { ...grant, holder: seen.holder };
    }
    if (outcome.kind === "leaving") isEngineNeeded = budget.leavingMs > LEAVE_LOOK_MS;
    else budget.endLeaving();
    if (outcome.kind === "engine-needed") isEngineNeeded = true;
    else if (!(await budget.with(() => hasNewChance(outcome, seen, context, request, budget, options.onWait))))
      throw await refusal(outcome, context, request, seen, budget);
  }
}

/**
 * True if so much of the holder's lease has passed since it was computed that it may have ended: this process was stopped,
 * and another project may have the port by now. Each attempt takes a new lease.
 */
function isLate({ decidedAtMs }: Attempt, { store: { shared } }: RegistryContext): boolean {
  return shared !== undefined && Date.now() - decidedAtMs > shared.leaseMs / 2;
}

let isWarned = false;

/** Warns, once per process, that the engine did not answer, so that a stopped container may have the chosen port. */
function warnWhereBlind({ engine, isEngineAsked }: Survey, { port }: PortAssignment): void {
  if (isWarned || engine.isReachable || !isEngineAsked || isEngineAbsent(engine)) return;
  isWarned = true;
  warn(`Port ${port} was chosen without checking containers.\n${engine.reason}`, "CONTAINER_ENGINE");
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
  if (refused.kind === "leaving") {
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
  if (budget.isWaiting) await waitInQueue(context, request, document, budget, onWait);
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
  /** By this host's clock, which goes on while the process is stopped and while the host sleeps. */
  readonly decidedAtMs: number;
};

/** Surveys, then decides on the newest document, without the lock if no port has to be probed. */
async function attempt(
  context: RegistryContext,
  request: AssignRequest,
  decide: Decision,
  { isEngineNeeded, cleanFirst }: { readonly isEngineNeeded: boolean } & Pick<AssignOptions, "cleanFirst">,
): Promise<Attempt> {
  const { store, clock } = context;
  const before = await store.read({ isForChange: true });
  const isNew = entryOf(before, request.projectKey) === undefined;
  const looked = await takeSurvey(context, before, isEngineNeeded || isNew);
  if (cleanFirst !== undefined && looked.isEngineAsked && hasWork(looked, clock())) {
    await cleanFirst();
    return attempt(context, request, decide, { isEngineNeeded: true, cleanFirst: undefined });
  }
  // If the project has a port, the start of its container removes leftovers itself, protected by the container's name.
  const isStart = request.holder.usesContainer && !isNew;
  const survey = isStart ? looked : await withoutLeftoversOf(context, request, looked);
  const { probe } = context;
  const decideWith = (look: PortProbe | undefined) => async (newest: RegistryDocument) => {
    const decidedAtMs = Date.now();
    const holder = store.shared ? holderOn(store.shared, request) : request.holder;
    const { document, outcome } = await decide(newest, { ...request, holder }, survey, look, clock());
    return { document, result: { outcome, document, survey, holder, decidedAtMs } };
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
  { removed, queuedMs }: WaitBudget,
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
      return leavingError(outcome.assignment, presentName(outcome.assignment, document, survey), LEAVE_TIMEOUT_MS);
    case "grace":
      return graceError(registryPath, outcome.until, clock());
    case "conflict":
      return conflictError(outcome.port, outcome.occupant, { ...request, ...outcome, registryPath });
    case "exhausted": {
      const found = { occupants: outcome.occupants, reserved: outcome.reservedFor.length, removed, waitedMs: queuedMs };
      const view = { document, survey, probe, asker: request };
      // Under the lock, because two probes of one port would see each other.
      const exhaustion = await store.update(
        async () => ({ result: await describeExhaustion(view, request, found, clock()) }),
        { isLockOptional: probe === undefined },
      );
      return exhaustedError(exhaustion, registryPath);
    }
  }
}

/** The name of the project's container, which may have been renamed. */
function presentName(assignment: PortAssignment, document: RegistryDocument, survey: Survey): string {
  const own = containersOf(survey, document, assignment).find((container) => isLabelledFor(container, assignment));
  return own?.name ?? assignment.containerName;
}
