import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import type { RegistryDocument, WaiterRecord } from "../../stores/document.ts";
import { timeText } from "../../stores/time-text.ts";
import { entryOf, withoutWaiter, withWaiter } from "../document/edit-document.ts";
import { toHolderRecord } from "../document/records.ts";
import type { RegistryContext } from "../evidence/survey.ts";
import { processHolder } from "../holder.ts";
import { type AssignOptions, type AssignRequest, wantedRange } from "./request.ts";
import { QUEUE_LOOK_MS, type WaitBudget } from "./wait-budget.ts";

const debug = createDebug("iris-ports:acquire");

/** How often a waiter reads the document. */
export const QUEUE_POLL_MS = 100;
/** How often a waiter surveys while the free ports are reserved for earlier waiters, which may not take them. */
const FAR_LOOK_MS = 500;

/** Takes or keeps a place in the queue, and waits until a port that was taken in `seen` may have become free. */
export async function waitInQueue(
  context: RegistryContext,
  request: AssignRequest,
  seen: RegistryDocument,
  budget: WaitBudget,
  onWait: AssignOptions["onWait"],
): Promise<void> {
  const { store } = context;
  const ticket = await newTicket(context, request, budget);
  const position = await store.update(
    async (newest) => {
      const document = withWaiter(newest, ticket, context.clock());
      return { document, result: placeOf(document, ticket) };
    },
    { isLockOptional: true },
  );
  onWait?.({ position, waitedMs: budget.waitedMs });
  await untilWorthALook(context, ticket, seen, budget);
}

/** Reading the document is cheap; the engine is asked and ports are probed only if one may have become free. */
async function untilWorthALook(
  { store }: RegistryContext,
  ticket: WaiterRecord,
  seen: RegistryDocument,
  budget: WaitBudget,
): Promise<void> {
  let document = seen;
  let lookAt = performance.now() + QUEUE_LOOK_MS;
  while (budget.isWaiting && performance.now() < lookAt) {
    if (store.shared === undefined) await delay(QUEUE_POLL_MS * (0.5 + Math.random()));
    else await store.shared.awaitChange(document, Math.min(lookAt - performance.now(), budget.leftMs));
    document = await store.read();
    const free = unassigned(document, ticket.range);
    if (free >= placeOf(document, ticket) || entryOf(document, ticket.project) !== undefined) return;
    if (free > 0) lookAt = Math.min(lookAt, performance.now() + FAR_LOOK_MS);
  }
}

/** Gives up the place in the queue. */
export async function leaveQueue({ store }: RegistryContext, waiterId: string): Promise<void> {
  try {
    await store.update(async (newest) => ({ document: withoutWaiter(newest, waiterId), result: undefined }), {
      isLockOptional: true,
    });
  } catch (cause) {
    // The first failure is reported to the caller; the place in the queue ends with this process at the latest.
    debug("the place in the queue was not given up: %o", cause);
  }
}

/** How many ports of a range have no assignment; a survey tells whether they are free. */
export function unassigned({ assignments }: RegistryDocument, [first, last]: readonly [number, number]): number {
  return last - first + 1 - assignments.filter(({ port }) => first <= port && port <= last).length;
}

function placeOf({ waiters }: RegistryDocument, ticket: WaiterRecord): number {
  return waiters.findIndex(({ id }) => id === ticket.id) + 1;
}

async function newTicket(
  { clock }: RegistryContext,
  request: AssignRequest,
  budget: WaitBudget,
): Promise<WaiterRecord> {
  const now = clock();
  // The waiter is always this process, whoever will hold the port; observers that cannot see it rely on the expiry.
  const expiresAt = new Date(now.getTime() + budget.leftMs + QUEUE_LOOK_MS);
  return {
    id: request.waiterId,
    project: request.projectKey,
    range: wantedRange(request),
    since: timeText(now),
    holder: toHolderRecord({ ...(await processHolder()), expiresAt }),
  };
}
