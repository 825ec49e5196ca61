import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { portsInOrder, withoutReserved } from "../../src/registry/allocation/choose-port.ts";

const released = (project: string, port: number, minute: number) => ({
  project,
  port,
  released_at: new Date(minute * 60_000).toISOString(),
});

describe("the order of ports", () => {
  test("is: own container, former port, never used, longest released", () => {
    const history = [released("b", 3, 9), released("me", 5, 2), released("a", 1, 5)];
    expect(portsInOrder({ range: [1, 6], projectKey: "me", history, ownContainerPort: 6 })).toEqual([6, 5, 2, 4, 1, 3]);
    expect(portsInOrder({ range: [1, 2], projectKey: "me", history, ownContainerPort: 6 })).toEqual([6, 2, 1]);
  });

  test("counts the latest of several releases of one port", () => {
    const history = [released("a", 1, 1), released("b", 2, 2), released("c", 1, 3)];
    expect(portsInOrder({ range: [1, 2], projectKey: "me", history })).toEqual([2, 1]);
  });

  test("has every port of the range once, whatever was released", () => {
    const time = fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
      .map((date) => date.toISOString());
    const past = fc.record({
      project: fc.constantFrom("me", "a"),
      port: fc.integer({ min: 1, max: 30 }),
      released_at: time,
    });
    fc.assert(
      fc.property(
        fc.array(past),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 9 }),
        (history, first, more) => {
          const order = portsInOrder({ range: [first, first + more], projectKey: "me", history });
          expect(order.toSorted((a, b) => a - b)).toEqual(
            Array.from({ length: more + 1 }, (_, index) => first + index),
          );
        },
      ),
    );
  });
});

describe("what is left beside reservations", () => {
  test("is what earlier waiters do not need", () => {
    expect(withoutReserved([5, 3, 4], [{ range: [1, 9] }])).toEqual([5, 4]);
    expect(withoutReserved([5, 3, 4], [{ range: [4, 4] }, { range: [1, 2] }])).toEqual([5, 3]);
    expect(withoutReserved([5], [{ range: [1, 9] }])).toEqual([]);
    expect(withoutReserved([5, 3], [])).toEqual([5, 3]);
  });
});
