import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import type { Decision } from "./assign.ts";
import { cleanUp } from "./clean.ts";
import { checkDurationMs } from "./config.ts";
import { entryOf, withoutWaiter, withWaiter } from "./edit-document.ts";
import { describeExhaustion, exhaustedError } from "./exhausted.ts";
import { type Holder, processHolder } from "./holder.ts";
import { Patience, QUEUE_LOOK_MS } from "./patience.ts";
import { timeText, toHolderRecord } from "./records.ts";
import { ambiguousError, conflictError, leavingError, otherPortError } from "./refusals.ts";
import type { AssignOutcome, AssignRequest, Grant } from "./request.ts";
import { lookAround, type Surroundings, type Survey } from "./survey.ts";

const debug = createDebug("iris-ports:acquire");

const LEAVE_POLL_MS = 25;
const LEAVE_TIMEOUT_MS = 60_000;
/** Removing a container takes less; after that it is worth while to look whether it is gone already. */
const LEAVE_LOOK_MS = 5_000;
const QUEUE_POLL_MS = 100;

/** Which of a project's assignments is meant. */
export type ProjectOptions = {
  /** The name of a second IRIS in the same project. */
  readonly instance?: string;
};

/** What is asked of an assignment. */
export type AssignOptions = ProjectOptions & {
  /** This port and no other, from 1 to 65535, inside the range or not. */
  readonly preferredPort?: number;
  /** Who relies on it. @default this process */
  readonly holder?: Holder;
  /** Also the registry's web port, 52773 + (port - 1972). */
  readonly hasWebPort?: boolean;
  /** How long to wait in the queue when all ports are taken, in milliseconds. @default 0 */
  readonly waitTimeoutMs?: number;
  /** Told about the place in the queue, from 1, while waiting. */
  readonly onWait?: (state: { readonly position: number; readonly waitedMs: number }) => void;
};

/** An assignment with what a container module needs to know besides. */
export type Acquisition = Grant & { readonly holder: Holder };

/** Carries a request through: looks around, decides under the lock, cleans up and waits where there is no port. */
export async function acquirePort(
  outside: Surroundings,
  request: AssignRequest,
  decide: Decision,
  options: AssignOptions,
): Promise<Acquisition> {
  try {
    return await decideInTurn(outside, request, decide, options);
  } catch (error) {
    // Whoever gives up must not keep others waiting behind them.
    if (options.waitTimeoutMs) await leaveQueue(outside, request.waiterId);
    throw error;
  }
}

async function leaveQueue({ store }: Surroundings, waiterId: string): Promise<void> {
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
  outside: Surroundings,
  request: AssignRequest,
  decide: Decision,
  options: AssignOptions,
): Promise<Acquisition> {
  const patience = new Patience(checkDurationMs(options.waitTimeoutMs ?? 0, "waitTimeoutMs"));
  let isEngineNeeded = false;
  for (;;) {
    const { outcome, survey } = await patience.with(() => attempt(outside, request, decide, isEngineNeeded));
    if (outcome.kind === "assigned") {
      const { kind: _, ...grant } = outcome;
      return { ...grant, holder: request.holder };
    }
    if (outcome.kind === "leaving") isEngineNeeded = patience.leavingMs > LEAVE_LOOK_MS;
    else patience.endLeaving();
    if (outcome.kind === "engine-needed") isEngineNeeded = true;
    else if (!(await patience.with(() => hasNewChance(outcome, survey, outside, request, patience, options.onWait))))
      throw await refusal(outcome, outside, request, survey);
  }
}

/** Does what may change the outcome: lets a leaver finish, cleans up, waits; false where nothing is left to do. */
async function hasNewChance(
  { kind }: Refusal,
  { engine }: Survey,
  outside: Surroundings,
  request: AssignRequest,
  patience: Patience,
  onWait: AssignOptions["onWait"],
): Promise<boolean> {
  if (kind === "leaving") {
    await delay(LEAVE_POLL_MS);
    return patience.leavingMs < LEAVE_TIMEOUT_MS;
  }
  if (kind !== "conflict" && kind !== "exhausted") return false;
  // Without the engine's word nothing is stale, and one that hangs takes its time to say nothing.
  const clean = async () => {
    await cleanUp(outside);
    patience.cleaned();
    return true;
  };
  if (engine.isReachable && patience.isFresh) return clean();
  if (!patience.isWaiting) return false;
  await waitInQueue(outside, request, patience, onWait);
  return engine.isReachable && patience.isCleaningDue ? clean() : true;
}

/** Looks around, then decides on the newest document. */
async function attempt(outside: Surroundings, request: AssignRequest, decide: Decision, isEngineNeeded: boolean) {
  const { store, probe, clock } = outside;
  const before = await store.read();
  const isNew = entryOf(before, request.projectKey) === undefined;
  const survey = await lookAround(outside, before, isEngineNeeded || isNew);
  const outcome = await store.update(async (newest) => {
    const decided = await decide(newest, request, survey, probe, clock());
    return { document: decided.document, result: decided.outcome };
  });
  return { outcome, survey };
}

type Refusal = Exclude<AssignOutcome, { kind: "assigned" | "engine-needed" }>;

async function refusal(
  outcome: Refusal,
  { store, probe, clock }: Surroundings,
  request: AssignRequest,
  survey: Survey,
): Promise<Error> {
  switch (outcome.kind) {
    case "ambiguous":
      return ambiguousError(outcome.assignment);
    case "other-port":
      return otherPortError(outcome.assignment, request.preferredPort as number);
    case "leaving":
      return leavingError(outcome.assignment, LEAVE_TIMEOUT_MS);
    case "conflict":
      return conflictError(outcome.port, outcome.occupant);
    case "exhausted":
      return exhaustedError(
        await store.update(async (newest) => {
          const view = { document: newest, survey, probe, asker: request };
          return { result: await describeExhaustion(view, request, clock()) };
        }),
      );
  }
}

/** Takes or keeps a place in the queue, and waits until a look is worth while. */
async function waitInQueue(
  { store, clock }: Surroundings,
  request: AssignRequest,
  patience: Patience,
  onWait: AssignOptions["onWait"],
): Promise<void> {
  const now = clock();
  // Whoever is to hold the port, the one that waits is this process; who cannot see it sees its patience end.
  const expiresAt = new Date(now.getTime() + patience.leftMs + QUEUE_LOOK_MS);
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
  onWait?.({ position, waitedMs: patience.waitedMs });
  await delay(QUEUE_POLL_MS * (0.5 + Math.random()));
}

function onlyPort(port: number): readonly [number, number] {
  return [port, port];
}
