import { describe, expect, test } from "vitest";
import { applied, type Change, isDone, NOTHING_PENDING, stillPending } from "../../src/stores/applied-change.ts";
import type { CommitToken } from "../../src/stores/document.ts";
import { portsOf } from "../../src/stores/merge-neighbour.ts";
import { assignmentRecord, documentOf } from "../helpers/documents.ts";

type Ports = Readonly<Record<string, number>>;

function snapshot(ports: Ports, token?: CommitToken) {
  return { bytes: Buffer.alloc(0), mode: 0o600, document: documentOf(ports), token };
}

/** Gives the first free port from 1 on to a project that has none. */
const assign: Change<number> = async (document) => {
  const own = portsOf(document).get("/ours");
  if (own !== undefined) return { result: own };
  const taken = new Set(portsOf(document).values());
  const port = [1, 2, 3].find((one) => !taken.has(one)) as number;
  return {
    document: { ...document, assignments: [...document.assignments, assignmentRecord("/ours", port)] },
    result: port,
  };
};

const at = (revision: number): CommitToken => ({ revision, commit: `c${revision}` });

describe("a change", () => {
  test("is made once, and names what it added", async () => {
    const made = await applied(assign, snapshot({ "/a": 1 }), NOTHING_PENDING);
    expect(made.update.result).toBe(2);
    expect([...made.added]).toEqual([assignmentRecord("/ours", 2)]);
    const again = await applied(assign, snapshot({ "/ours": 2 }), NOTHING_PENDING);
    expect([again.update.result, again.added.size]).toEqual([2, 0]);
  });

  test("that the newest document contains is not made again, whatever came after it", async () => {
    const made = { ...(await applied(assign, snapshot({}), NOTHING_PENDING)), since: 5 };
    const never: Change<number> = () => Promise.reject(new Error("made again"));
    const next = await applied(never, snapshot({ "/ours": 1, "/b": 2 }), { made, late: [] });
    expect(next.update.result).toBe(1);
    expect(Object.fromEntries(portsOf(next.document))).toEqual({ "/ours": 1, "/b": 2 });
  });

  test("whose port the Python tool gave to another project is made again with another one", async () => {
    const made = { ...(await applied(assign, snapshot({}), NOTHING_PENDING)), since: 5 };
    const late = [{ read: documentOf({}), theirs: documentOf({ "/python": 1 }) }];
    const next = await applied(assign, snapshot({ "/ours": 1 }), { made, late });
    expect(next.update.result).toBe(2);
    expect(Object.fromEntries(portsOf(next.document))).toEqual({ "/python": 1, "/ours": 2 });
  });
});

describe("after a publication beside the Python tool", () => {
  const published = async (revision: number, base = snapshot({}, at(revision - 1))) => ({
    ...(await applied(assign, base, NOTHING_PENDING)),
    ...at(revision),
    base,
  });

  test("nothing is pending if the newest document has the change, and the tool wrote nothing", async () => {
    const newest = snapshot({ "/ours": 1 }, at(5));
    const pending = stillPending(NOTHING_PENDING, await published(5), { theirs: undefined, newest });
    expect(pending.made?.since).toBe(5);
    expect(isDone(pending)).toBe(true);
  });

  test.each([undefined, at(4)])("the change is pending if the tool overwrote it (%o)", async (token) => {
    const base = snapshot({}, token);
    const pending = stillPending(NOTHING_PENDING, await published(5, base), { theirs: undefined, newest: base });
    expect(pending).toEqual(NOTHING_PENDING);
    expect(isDone(pending)).toBe(false);
  });

  test.each([
    ["a backup", snapshot({}, at(2))],
    ["a document that is recovered", { ...snapshot({}), isDamaged: true }],
    ["no document", snapshot({})],
  ])("nothing is pending if %s took the place of the published version", async (_, newest) => {
    expect(isDone(stillPending(NOTHING_PENDING, await published(5), { theirs: undefined, newest }))).toBe(true);
  });

  test("what the tool wrote is pending until a version with it is published", async () => {
    const theirs = documentOf({ "/python": 2 });
    const first = await published(5);
    const newest = snapshot({ "/ours": 1 }, at(5));
    const pending = stillPending(NOTHING_PENDING, first, { theirs, newest });
    expect(isDone(pending)).toBe(false);
    const second = { ...(await applied(assign, newest, pending)), ...at(6), base: newest };
    const lost = stillPending(pending, second, { theirs: undefined, newest });
    expect([lost.made?.since, lost.late]).toEqual([5, pending.late]);
    const kept = snapshot({ "/ours": 1, "/python": 2 }, at(6));
    expect(isDone(stillPending(pending, second, { theirs: undefined, newest: kept }))).toBe(true);
  });
});
