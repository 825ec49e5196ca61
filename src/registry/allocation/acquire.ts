import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import { checkDurationMs } from "../../settings/config.ts";
import { entryOf, withoutWaiter, withWaiter } from "../document/edit-document.ts";
import { timeText, toHolderRecord } from "../document/records.ts";
import { cleanUp, withoutLeftoversOf } from "../evidence/clean.ts";
import { isEngineAbsent, lookAround, type RegistryContext, type Survey } from "../evidence/survey.ts";
import { type Holder, processHolder } from "../holder.ts";
import type { Decision } from "./assign.ts";
import { ambiguousError, conflictError, graceError, leavingError, otherPortError } from "./assignment-errors.ts";
import { describeExhaustion, exhaustedError } from "./exhausted.ts";
import type { AssignOutcome, AssignRequest, Grant } from "./request.ts";
import { QUEUE_LOOK_MS, WaitBudget } from "./wait-budget.ts";

const debug = createDebug("iris-ports:acquire");

const LEAVE_POLL_MS = 25;
const LEAVE_TIMEOUT_MS = 60_000;
/** Removing a container takes less; after that it is worth while to look whether it is gone already. */
const LEAVE_LOOK_MS = 5_000;
const QUEUE_POLL_MS = 100;
const GRACE_POLL_MS = 1_000;
/** Waited for without being asked to. */
const SHORT_GRACE_MS = 5_000;

/** Which assignment of a project. */
export type ProjectOptions = {
  /** The name of a second IRIS in the same project. */
  readonly instance?: string;
};

/** How to assign a port. */
export type AssignOptions = ProjectOptions & {
  /**
   * A demand despite its name: exactly this port from 1 to 65535, even outside the range. There is no fallback; a port
   * that is taken is a PortConflictError.
   */
  readonly preferredPort?: number;
  /** The holder of the port. @default this process */
  readonly holder?: Holder;
  /** Also assigns the web port, 52773 + (port - 1972). */
  readonly hasWebPort?: boolean;
  /** How long to queue while all ports are taken, in milliseconds. @default 0 */
  readonly waitTimeoutMs?: number;
  /** Called while waiting, with the place in the queue, from 1. */
  readonly onWait?: (state: { readonly position: number; readonly waitedMs: number }) => void;
};

/** An assignment with what a container module needs in addition. */
export type Acquisition = Grant & {
  /** The holder for which the port was assigned. */
  readonly holder: Holder;
};

/** Carries a request through: looks around, decides under the lock, cleans up and waits where there is no port. */
export async function acquirePort(
  context: RegistryContext,
  request: AssignRequest,
  decide: Decision,
  options: AssignOptions,
): Promise<Acquisition> {
  try {
    return await decideInTurn(context, request, decide, options);
  } catch (error) {
    // Whoever gives up must not keep others waiting behind them.
    if (options.waitTimeoutMs) await leaveQueue(context, request.waiterId);
    throw error;
  }
}

async function leaveQueue({ store }: RegistryContext, waiterId: string): Promise<void> {
  try {
    await store.update(async (newest) => {
      const document = withoutWaiter(newest, waiterId);
      return { document, result: undefined };
    });
  } catch (cause) {
    // The caller hears of the failure that came first; the place in the queue ends with this process at the latest.
    debug("the place in the queue was not given up: %o", cause);
  }
}

async function decideInTurn(
  context: RegistryContext,
  request: AssignRequest,
  decide: Decision,
  options: AssignOptions,
): Promise<Acquisition> {
  const budget = new WaitBudget(checkDurationMs(options.waitTimeoutMs ?? 0, "waitTimeoutMs"));
  let isEngineNeeded = false;
  for (;;) {
    const { outcome, survey } = await budget.with(() => attempt(context, request, decide, isEngineNeeded));
    if (outcome.kind === "assigned") {
      const { kind: _, ...grant } = outcome;
      return { ...grant, holder: request.holder };
    }
    if (outcome.kind === "leaving") isEngineNeeded = budget.leavingMs > LEAVE_LOOK_MS;
    else budget.endLeaving();
    if (outcome.kind === "engine-needed") isEngineNeeded = true;
    else if (!(await budget.with(() => hasNewChance(outcome, survey, context, request, budget, options.onWait))))
      throw await refusal(outcome, context, request, survey);
  }
}

/** Does what may change the outcome: lets a leaver finish, cleans up, waits; false where nothing is left to do. */
async function hasNewChance(
  refused: Refusal,
  { engine }: Survey,
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
  if (kind !== "conflict" && kind !== "exhausted") return false;
  // Without the engine's word nothing is stale, and one that hangs takes its time to say nothing.
  const clean = async () => {
    await cleanUp(context);
    budget.cleaned();
    return true;
  };
  const isJudgeable = engine.isReachable || isEngineAbsent(engine);
  if (isJudgeable && budget.isFresh) return clean();
  if (!budget.isWaiting) return false;
  await waitInQueue(context, request, budget, onWait);
  return isJudgeable && budget.isCleaningDue ? clean() : true;
}

/** Looks around, then decides on the newest document. */
async function attempt(context: RegistryContext, request: AssignRequest, decide: Decision, isEngineNeeded: boolean) {
  const { store, clock } = context;
  const before = await store.read();
  const isNew = entryOf(before, request.projectKey) === undefined;
  const looked = await lookAround(context, before, isEngineNeeded || isNew);
  // The start of a container does it itself, under the container's name.
  const survey = request.holder.usesContainer ? looked : await withoutLeftoversOf(context, request, looked);
  const { probe } = context;
  const outcome = await store.update(async (newest) => {
    const decided = await decide(newest, request, survey, probe, clock());
    return { document: decided.document, result: decided.outcome };
  });
  return { outcome, survey };
}

type Refusal = Exclude<AssignOutcome, { kind: "assigned" | "engine-needed" }>;

async function refusal(
  outcome: Refusal,
  { store, probe, clock }: RegistryContext,
  request: AssignRequest,
  survey: Survey,
): Promise<Error> {
  switch (outcome.kind) {
    case "ambiguous":
      return ambiguousError(outcome.assignment);
    case "other-port":
      return otherPortError(outcome.assignment, request.preferredPort as number, store.location);
    case "leaving":
      return leavingError(outcome.assignment, LEAVE_TIMEOUT_MS);
    case "grace":
      return graceError(store.location, outcome.until, clock());
    case "conflict":
      return conflictError(outcome.port, outcome.occupant, { ...request, registryPath: store.location });
    case "exhausted":
      return exhaustedError(
        await store.update(async (newest) => {
          const view = { document: newest, survey, probe, asker: request };
          return { result: await describeExhaustion(view, request, clock()) };
        }),
        store.location,
      );
  }
}

/** Takes or keeps a place in the queue, and waits until a look is worth while. */
async function waitInQueue(
  { store, clock }: RegistryContext,
  request: AssignRequest,
  budget: WaitBudget,
  onWait: AssignOptions["onWait"],
): Promise<void> {
  const now = clock();
  // Whoever is to hold the port, the one that waits is this process; who cannot see it sees its budget end.
  const expiresAt = new Date(now.getTime() + budget.leftMs + QUEUE_LOOK_MS);
  const ticket = {
    id: request.waiterId,
    project: request.projectKey,
    range: request.preferredPort === undefined ? request.portRange : onlyPort(request.preferredPort),
    since: timeText(now),
    holder: toHolderRecord({ ...(await processHolder()), expiresAt }),
  };
  const position = await store.update(async (newest) => {
    const document = withWaiter(newest, ticket);
    const place = document.waiters.findIndex((waiter) => waiter.id === ticket.id);
    return { document, result: place + 1 };
  });
  onWait?.({ position, waitedMs: budget.waitedMs });
  if (store.shared === undefined) await delay(QUEUE_POLL_MS * (0.5 + Math.random()));
  else await store.shared.awaitChange(Math.min(QUEUE_LOOK_MS, budget.leftMs));
}

function onlyPort(port: number): readonly [number, number] {
  return [port, port];
}
