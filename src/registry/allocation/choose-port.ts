import type { HistoryRecord } from "../../stores/document.ts";

/** What the order of ports depends on. */
export type PortChoice = {
  readonly range: readonly [number, number];
  readonly projectKey: string;
  readonly history: readonly HistoryRecord[];
  /** A container of this project publishes it already, e.g. one that was kept. */
  readonly ownContainerPort?: number | undefined;
};

/**
 * The ports of the range in the order in which a project should try them: the one its own container has, the one it had
 * last (sticky), those nobody ever had, then those released longest ago.
 */
export function portsInOrder(choice: PortChoice): number[] {
  const [first, last] = choice.range;
  const range = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const releasedAt = new Map<number, number>();
  for (const entry of choice.history) {
    const time = Date.parse(entry.released_at);
    releasedAt.set(entry.port, Math.max(time, releasedAt.get(entry.port) ?? Number.NEGATIVE_INFINITY));
  }
  const sticky = choice.history.findLast((entry) => entry.project === choice.projectKey)?.port;
  const rank = (port: number) => {
    if (port === choice.ownContainerPort) return Number.NEGATIVE_INFINITY;
    if (port === sticky) return Number.MIN_SAFE_INTEGER;
    return releasedAt.get(port) ?? Number.MIN_SAFE_INTEGER + 1;
  };
  return range
    .map((port) => ({ port, rank: rank(port) }))
    .sort((a, b) => a.rank - b.rank || a.port - b.port)
    .map(({ port }) => port);
}

/** Somebody who came earlier and waits for a port of this range. */
type Reservation = { readonly range: readonly [number, number] };

/** What of `free` is left when everybody who waits longer has been given one, each the first that suits them. */
export function withoutReserved(free: readonly number[], earlier: readonly Reservation[]): number[] {
  let left = [...free];
  for (const { range } of earlier) {
    const theirs = left.toSorted((a, b) => a - b).find((port) => range[0] <= port && port <= range[1]);
    left = left.filter((port) => port !== theirs);
  }
  return left;
}
