import { describe, expect, test } from "vitest";
import { type RegistryDocument, serializeDocument } from "../../src/stores/document.ts";
import { DocumentError, NewerSchemaError } from "../../src/stores/document-error.ts";
import { parseDocument } from "../../src/stores/parse-document.ts";
import { assignmentRecord, documentOf } from "../helpers/documents.ts";

const TIME = "2026-11-23T05:06:07.123+00:00";
const PROCESS = { host: "h", boot_id: "b", pid_namespace: "n", pid: 5, start_time: "s" };
const HOLDER = { id: "x", kind: "manual", since: TIME } as const;
const WAITER = { id: "w", project: "/q", since: TIME, range: [1, 9], holder: HOLDER } as const;
const RELEASED = { project: "/q", port: 2, released_at: TIME } as const;
const SERVER = { run_id: "r", replication_id: "p" };

/** A document with everything that iris-ports may know. */
const FULL: RegistryDocument = {
  ...documentOf({ "/p#two": 1 }),
  details: new Map([["/p#two", { port: 1, generation: "g", instance: "two", web_port: 3, engine: "e" }]]),
  holders: new Map([
    [
      "/p#two",
      [
        { ...HOLDER, directory: { path: "/p", host: "h", device: 7 }, description: "by hand" },
        { ...HOLDER, kind: "process", process: { ...PROCESS, thread: "t" }, expires_at: TIME },
        { ...HOLDER, kind: "job", container: { id: "c", engine: "e", started_at: TIME } },
      ],
    ],
  ]),
  history: [{ ...RELEASED, users: [HOLDER], generation: "g", instance: "two" }],
  waiters: [WAITER],
  server: { ...SERVER, grace_until: TIME },
};

/** A text whose own part holds these instead. */
function withOwn(own: Readonly<Record<string, unknown>>, assignments = [assignmentRecord("/p", 1)]): string {
  const details = { "/p": { port: 1, generation: "g" } };
  return JSON.stringify({ schema_version: "1.0", assignments, iris_ports: { details, ...own } });
}
const withHolder = (holder: object) => withOwn({ holders: { "/p": [{ ...HOLDER, ...holder }] } });

test("everything that iris-ports writes is read unchanged", () => {
  const token = { revision: 3, commit: "ab" };
  expect(parseDocument(serializeDocument(FULL, token).toString())).toEqual({ document: FULL, token });
});

test.each(["Z", "+00:00", "+0000"])("an entry whose time names its offset is ours: %s", (offset) => {
  const assigned_at = `2026-11-23T05:06:07.123${offset}`;
  const { document } = parseDocument(withOwn({}, [{ ...assignmentRecord("/p", 1), assigned_at }]));
  expect(document.details.get("/p")).toEqual({ port: 1, generation: "g" });
});

test.each(["Z", "+0000"])(
  "an entry is restored with a time that Python 3.9 reads, whatever its holder has: %s",
  (offset) => {
    const holder = { ...HOLDER, kind: "job", since: `2026-11-23T05:06:07.123${offset}` };
    const { document } = parseDocument(withOwn({ holders: { "/p": [holder] } }, []));
    expect(document.assignments).toMatchObject([{ project_path: "/p", assigned_at: TIME }]);
  },
);

test("the generation is also read under its earlier name, tenure", () => {
  const { document } = parseDocument(withOwn({ details: { "/p": { port: 1, tenure: "old" } } }));
  expect(document.details.get("/p")).toEqual({ port: 1, generation: "old" });
});

describe("a document is refused", () => {
  test.each([
    ["a directory without a device", withHolder({ directory: { path: "/p", host: "h", device: "7" } }), "device"],
    ["a directory without a path", withHolder({ directory: { host: "h", device: 7 } }), "directory.path"],
    ["a thread that is a number", withHolder({ process: { ...PROCESS, thread: 5 } }), "thread"],
    ["a process id of 0", withHolder({ process: { ...PROCESS, pid: 0 } }), "pid is not a process id"],
    ["a process holder without a process", withHolder({ kind: "process" }), "process is missing"],
    ["a container without an engine", withHolder({ container: { id: "c", started_at: TIME } }), "container.engine"],
    [
      "an instance of another key",
      withOwn({ details: { "/p": { port: 1, generation: "g", instance: "two" } } }),
      "two",
    ],
    ["a detail without a generation", withOwn({ details: { "/p": { port: 1 } } }), "generation"],
    ["an engine that is a number", withOwn({ details: { "/p": { port: 1, generation: "g", engine: 5 } } }), "engine"],
    ["a history with invalid users", withOwn({ history: [{ ...RELEASED, users: 5 }] }), "users"],
    ["a history whose generation is a number", withOwn({ history: [{ ...RELEASED, generation: 5 }] }), "generation"],
    ["a history whose instance is a number", withOwn({ history: [{ ...RELEASED, instance: 5 }] }), "instance"],
    ["a waiter for one port", withOwn({ waiters: [{ ...WAITER, range: [1] }] }), "range is not a pair"],
    ["a server without a run", withOwn({ server: { replication_id: "p" } }), "server.run_id"],
    ["a grace period without a valid time", withOwn({ server: { ...SERVER, grace_until: "soon" } }), "grace_until"],
    ["a commit without a revision", withOwn({ commit: "ab" }), "revision"],
    ["a revision without a commit", withOwn({ revision: 3 }), "commit"],
    ["nested 200 levels deep", `{"schema_version": "1.0", "a": ${"[".repeat(200)}${"]".repeat(200)}}`, "nested"],
  ])("with %s", (_, text, problem) => {
    expect(() => parseDocument(text)).toThrow(DocumentError);
    expect(() => parseDocument(text)).toThrow(problem);
  });

  test.each(["1.1", "2.0"])("of the newer schema %s, which is named", (version) => {
    const text = JSON.stringify({ schema_version: version, assignments: [] });
    expect(() => parseDocument(text)).toThrow(NewerSchemaError);
    expect(() => parseDocument(text)).toThrow(version);
  });
});

test("a document that the Python tool began anew goes on with our part of the last version", () => {
  const theirs = JSON.stringify({ schema_version: "1.0", assignments: [assignmentRecord("/p", 1)] });
  const ours = (text: string | undefined) => parseDocument(theirs, () => text).document.details.get("/p");
  expect(ours(withOwn({}))).toEqual({ port: 1, generation: "g" });
  expect(ours(theirs)).toBeUndefined();
  expect(ours(undefined)).toBeUndefined();
});
