import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RegistryDocument, serializeDocument } from "../../src/stores/document.ts";
import { parseDocument } from "../../src/stores/parse-document.ts";

const time = fc
  .date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-01-01") })
  .map((date) => date.toISOString().replace("Z", "+00:00"));
const port = fc.integer({ min: 1, max: 65_535 });
const key = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.constantFrom("__proto__", "constructor", "toString", "/a b", "/é\u2028\n"),
);
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;

const identity = fc.record({
  host: fc.string(),
  boot_id: fc.string(),
  pid_namespace: fc.string(),
  pid: fc.integer({ min: 1, max: 2 ** 40 }),
  start_time: fc.string(),
});
const holder = fc
  .record({
    id: fc.string(),
    kind: fc.constantFrom("process", "job"),
    since: time,
    expires_at: optional(time),
    description: optional(fc.string()),
    uses_container: optional(fc.constant(true)),
    leaving: optional(fc.constant(true)),
    restarts_until: optional(time),
    process: identity,
  })
  .map(withoutUndefined);
const entry = fc.record({
  key,
  port,
  assigned_at: time,
  assignment_type: fc.constantFrom("auto", "manual"),
  status: fc.constantFrom("active", "released", "stale"),
  container_name: fc.option(fc.string()),
  detail: fc
    .record({ generation: fc.string(), engine: optional(fc.string()), foreign: optional(fc.constant(true)) })
    .map(withoutUndefined),
  holders: fc.array(holder, { maxLength: 3 }),
  seen_at: optional(time),
});
const unknown = (known: string[]) =>
  fc
    .uniqueArray(fc.tuple(key, fc.jsonValue({ noUnicodeString: false })), { selector: ([name]) => name, maxLength: 4 })
    .map((members) => new Map(members.filter(([name]) => !known.includes(name))));

/** Any document that this program could have written. */
const anyDocument: fc.Arbitrary<RegistryDocument> = fc
  .record({
    entries: fc
      .uniqueArray(entry, { selector: (one) => one.key, maxLength: 5 })
      .map((entries) => [...new Map(entries.map((one) => [one.port, one])).values()]),
    history: fc.array(fc.record({ project: fc.string(), port, released_at: time }), { maxLength: 4 }),
    waiters: fc.array(
      fc.record({ id: fc.string(), project: fc.string(), range: fc.tuple(port, port), since: time, holder }),
      {
        maxLength: 3,
      },
    ),
    top: unknown(["schema_version", "assignments", "iris_ports"]),
    own: unknown(["revision", "commit", "holders", "details", "history", "waiters", "seen"]),
  })
  .map(({ entries, history, waiters, top, own }) => ({
    assignments: entries.map(({ key: project_path, detail: _, holders: __, seen_at: ___, ...rest }) => ({
      project_path,
      ...rest,
    })),
    details: new Map(entries.map(({ key: name, port: number, detail }) => [name, { port: number, ...detail }])),
    holders: new Map(entries.map(({ key: name, holders }) => [name, holders])),
    history,
    waiters,
    seen: new Map(
      entries.flatMap(({ key: name, port: number, assigned_at, seen_at: at }) =>
        at === undefined ? [] : [[name, { port: number, assigned_at, at }]],
      ),
    ),
    unknown: { top, own },
  })) as fc.Arbitrary<RegistryDocument>;

const token = { revision: 7, commit: "abc123" };
/** As JSON has it: without -0, with integer-like keys first. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const mapsOf = ({ unknown: { top, own }, details, holders, ...rest }: RegistryDocument) => ({
  ...rest,
  maps: [top, own, details, holders].map((map) => new Map([...map].map(([name, value]) => [name, plain(value)]))),
});

describe("a document", () => {
  test("is read as it was written, with the data of other tools", () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        const text = serializeDocument(document, token).toString();
        const parsed = parseDocument(text);
        expect(parsed.token).toEqual(token);
        expect(mapsOf(parsed.document)).toEqual(mapsOf(document));
        expect(parseDocument(serializeDocument(parsed.document, token).toString())).toEqual(parsed);
      }),
      { numRuns: 300 },
    );
  });

  test("causes only errors of its own, whatever the text", () => {
    const part = fc.constantFrom("schema_version", "assignments", "iris_ports", "holders", "details", "waiters", "1.0");
    const anything = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .record({ schema_version: fc.constant("1.0"), assignments: fc.jsonValue(), iris_ports: fc.jsonValue() })
        .map((value) => JSON.stringify(value)),
      fc
        .record({
          schema_version: fc.constant("1.0"),
          assignments: fc.constant([]),
          iris_ports: fc.dictionary(fc.oneof(part, fc.constantFrom("history", "revision", "commit")), fc.jsonValue()),
        })
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(anything, (text) => {
        try {
          parseDocument(text);
        } catch (error) {
          expect(["DocumentError", "NewerSchemaError"]).toContain((error as Error).constructor.name);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("may begin with a byte order mark", () => {
    expect(parseDocument('\uFEFF{"schema_version": "1.0", "assignments": []}').token).toBeUndefined();
  });

  test("keys like __proto__ stay keys, and change nothing else", () => {
    const text =
      '{"schema_version": "1.0", "assignments": [], "__proto__": {"polluted": true}, "iris_ports": {"__proto__": 1}}';
    const { document } = parseDocument(text);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    const written = JSON.parse(serializeDocument(document, token).toString(), (key, value) =>
      key === "" ? value : value,
    );
    expect(Object.hasOwn(written, "__proto__")).toBe(true);
    expect(document.unknown.own.get("__proto__")).toBe(1);
  });

  test("loses our data about entries that another tool removed or moved, and shares one that it made anew", () => {
    const base = {
      port: 1972,
      assigned_at: "2026-01-01T00:00:00.000+00:00",
      assignment_type: "auto",
      status: "active",
    };
    const kept = { ...base, project_path: "/kept" };
    const moved = { ...base, project_path: "/moved", port: 1973 };
    const anew = { ...base, project_path: "/anew", port: 1974, assigned_at: "2026-01-01T00:00:00" };
    const joined = { ...anew, project_path: "/joined", port: 1975 };
    const detail = (port: number) => ({ port, generation: "t" });
    const own = {
      details: {
        "/kept": detail(1972),
        "/moved": detail(1980),
        "/anew": detail(1974),
        "/gone": detail(1976),
        "/joined": { ...detail(1975), foreign: true },
      },
      holders: Object.fromEntries(["/kept", "/moved", "/anew", "/gone", "/joined"].map((name) => [name, []])),
    };
    const text = JSON.stringify({ schema_version: "1.0", assignments: [kept, moved, anew, joined], iris_ports: own });
    const { document } = parseDocument(text);
    expect([...document.details.keys()]).toEqual(["/kept", "/anew", "/joined"]);
    expect([...document.holders.keys()]).toEqual(["/kept", "/anew", "/joined"]);
    expect(document.details.get("/anew")).toEqual({ ...detail(1974), foreign: true });
  });

  test("gives up a web port that another tool has assigned since", () => {
    const base = { assigned_at: "2026-01-01T00:00:00+00:00", assignment_type: "auto", status: "active" };
    const record = (project_path: string, port: number) => ({ ...base, project_path, port, container_name: null });
    const details = { "/p": { port: 1972, generation: "t", web_port: 52773 } };
    const assignments = [record("/p", 1972), record("/q", 52773)];
    const text = JSON.stringify({ schema_version: "1.0", assignments, iris_ports: { details } });
    expect(parseDocument(text).document.details.get("/p")).toEqual({ port: 1972, generation: "t" });
  });
});
