import type { HistoryRecord } from "../../stores/document.ts";

/** The input for the order of ports. */
export type PortChoice = {
  readonly range: readonly [number, number];
  readonly projectKey: string;
  readonly history: readonly HistoryRecord[];
  /** The port that a container of this project publishes already, for example a kept one; inside the range or not. */
  readonly ownContainerPort?: number | undefined;
};

/**
 * The ports in the order in which a project tries them. The port of its own container is the first, even outside the range.
 * Then, inside the range: its former port, ports never used, and the others from the one released longest ago.
 */
export function portsInOrder(choice: PortChoice): number[] {
  const [first, last] = choice.range;
  const { ownContainerPort: own } = choice;
  const range = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  if (own !== undefined && !range.includes(own)) range.unshift(own);
  const releasedAt = new Map<number, number>();
  for (const entry of choice.history) {
    const time = Date.parse(entry.released_at);
    releasedAt.set(entry.port, Math.max(time, releasedAt.get(entry.port) ?? Number.NEGATIVE_INFINITY));
  }
  const sticky = choice.history.findLast((entry) => entry.project === choice.projectKey)?.port;
  const rank = (port: number) => {
    if (port === own) return Number.NEGATIVE_INFINITY;
    if (port === sticky) return Number.MIN_SAFE_INTEGER;
    return releasedAt.get(port) ?? Number.MIN_SAFE_INTEGER + 1;
  };
  return range
    .map((port) => ({ port, rank: rank(port) }))
    .sort((a, b) => a.rank - b.rank || a.port - b.port)
    .map(({ port }) => port);
}

/** An earlier waiter for a port of this range. */
type Reservation = { readonly range: readonly [number, number] };

/** The ports of `free` that are left after every earlier waiter got the first one of its range. */
export function withoutReserved(free: readonly number[], earlier: readonly Reservation[]): number[] {
  let left = [...free];
  for (const { range } of earlier) {
    const theirs = left.toSorted((a, b) => a - b).find((port) => range[0] <= port && port <= range[1]);
    left = left.filter((port) => port !== theirs);
  }
  return left;
}
