import { describe, expect, test } from "vitest";
import type { AssignmentRecord } from "../../src/stores/document.ts";
import { mergeNeighbour, portsOf } from "../../src/stores/merge-neighbour.ts";
import { assignmentRecord, documentOf } from "../helpers/documents.ts";

type Ports = Readonly<Record<string, number>>;

/** The ports in the newest document after the Python tool made `theirs` of `read`. */
function merged(versions: { read: Ports; theirs: Ports; newest: Ports; unacknowledged?: readonly AssignmentRecord[] }) {
  const late = { read: documentOf(versions.read), theirs: documentOf(versions.theirs) };
  const document = mergeNeighbour(late, documentOf(versions.newest), new Set(versions.unacknowledged));
  const known = [...document.details.keys()];
  expect([...document.holders.keys()]).toEqual(known);
  return { ports: Object.fromEntries(portsOf(document)), known };
}

describe("what the Python tool wrote into a replaced version", () => {
  const read = { "/a": 1, "/b": 2 };
  const newest = { ...read, "/ours": 3 };

  test("changes nothing if the tool changed nothing", () => {
    expect(merged({ read, theirs: read, newest })).toEqual({ ports: newest, known: ["/a", "/b", "/ours"] });
  });

  test("is added to the newest document, without our data about it", () => {
    const { ports, known } = merged({ read, theirs: { ...read, "/python": 4 }, newest });
    expect(ports).toEqual({ ...newest, "/python": 4 });
    expect(known).toEqual(["/a", "/b", "/ours"]);
  });

  test("is removed from the newest document, with our data about it", () => {
    expect(merged({ read, theirs: { "/b": 2 }, newest })).toEqual({
      ports: { "/b": 2, "/ours": 3 },
      known: ["/b", "/ours"],
    });
  });

  test("moves a project to another port", () => {
    expect(merged({ read, theirs: { "/a": 4, "/b": 2 }, newest })).toEqual({
      ports: { "/b": 2, "/ours": 3, "/a": 4 },
      known: ["/b", "/ours"],
    });
  });

  test("removes no entry that was made anew meanwhile", () => {
    expect(merged({ read, theirs: { "/b": 2 }, newest: { "/a": 5, "/b": 2 } }).ports).toEqual({ "/a": 5, "/b": 2 });
  });

  test("yields to an acknowledged assignment of the same port, or to the same project", () => {
    expect(merged({ read, theirs: { ...read, "/python": 3 }, newest }).ports).toEqual(newest);
    expect(merged({ read, theirs: { ...read, "/ours": 4 }, newest }).ports).toEqual(newest);
  });

  test("takes its port from an assignment that was not acknowledged yet, and only that port", () => {
    const unacknowledged = [assignmentRecord("/ours", 3), assignmentRecord("/more", 5)];
    const theirs = { ...read, "/python": 3 };
    expect(merged({ read, theirs, newest: { ...newest, "/more": 5 }, unacknowledged })).toEqual({
      ports: { ...read, "/more": 5, "/python": 3 },
      known: ["/a", "/b", "/more"],
    });
  });

  test("leaves an unacknowledged assignment that it made as well", () => {
    const unacknowledged = [assignmentRecord("/ours", 3)];
    expect(merged({ read, theirs: newest, newest, unacknowledged }).ports).toEqual(newest);
  });
});

test("without unacknowledged assignments the tool's port is taken from no project", () => {
  const late = { read: documentOf({}), theirs: documentOf({ "/python": 3 }) };
  expect(portsOf(mergeNeighbour(late, documentOf({ "/ours": 3 })))).toEqual(new Map([["/ours", 3]]));
});
