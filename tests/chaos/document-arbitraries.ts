import fc from "fast-check";

const NASTY = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "",
  "\u0000",
  "\ud800",
  "#",
  "a#b",
];
const text = fc.oneof(fc.constantFrom(...NASTY), fc.string(), fc.string({ unit: "binary" }));
const time = fc.constantFrom(
  "2026-11-23T05:06:07.123+00:00",
  "2026-11-23T05:06:07",
  "+275760-09-13T00:00:00.000Z",
  "-271821-04-20T00:00:00.000Z",
  "1",
  "0000-01-01T00:00:00",
);
const project = fc.oneof(fc.constantFrom("/a", "/b", "/c", "/c#one", "C:\\x", "relative"), text);
const port = fc.oneof(fc.integer({ min: 40_000, max: 40_009 }), fc.integer({ min: 1, max: 65_535 }));
const identity = fc.record({
  host: text,
  boot_id: text,
  pid_namespace: text,
  pid: fc.oneof(fc.integer({ min: 1, max: 2 ** 22 }), fc.maxSafeNat()),
  start_time: text,
});
const holder = fc.record(
  {
    id: text,
    kind: fc.constantFrom("process", "job", "manual"),
    since: time,
    expires_at: time,
    description: text,
    uses_container: fc.constant(true),
    leaving: fc.constant(true),
    restarts_until: time,
    process: identity,
  },
  { requiredKeys: ["id", "kind", "since", "process"] },
);
const dictionaryOf = <T>(value: fc.Arbitrary<T>) => fc.dictionary(project, value, { maxKeys: 4 });
const unknown = fc.dictionary(text, fc.jsonValue(), { maxKeys: 3 });

/** What this or another version, or the Python tool, or a person with an editor might have written. */
const validDocument = fc
  .record({
    schema_version: fc.constant("1.0"),
    assignments: fc.uniqueArray(
      fc.record({
        project_path: project.filter((path) => path !== ""),
        port,
        assigned_at: time,
        assignment_type: fc.constantFrom("auto", "manual"),
        status: fc.constantFrom("active", "released", "stale"),
        container_name: fc.option(text),
      }),
      { maxLength: 5, selector: (entry) => entry.project_path },
    ),
    iris_ports: fc.record({
      revision: fc.nat(),
      commit: fc.constantFrom("abc", "0123456789abcdef"),
      holders: dictionaryOf(fc.array(holder, { maxLength: 3 })),
      details: dictionaryOf(
        fc.record({ port, generation: text, web_port: port, engine: text }, { requiredKeys: ["port", "generation"] }),
      ),
      history: fc.array(fc.record({ project: text, port, released_at: time }), { maxLength: 3 }),
      waiters: fc.array(fc.record({ id: text, project: text, range: fc.tuple(port, port), since: time, holder }), {
        maxLength: 2,
      }),
      seen: dictionaryOf(fc.record({ port, assigned_at: time, at: time })),
    }),
    more: unknown,
  })
  // Details that belong to the entries, so that they are not all left out again.
  .map(({ more, ...document }) => ({
    ...more,
    ...document,
    iris_ports: { ...document.iris_ports, ...attached(document) },
  }));

function attached({
  assignments,
  iris_ports,
}: {
  assignments: { project_path: string; port: number }[];
  iris_ports: { details: object; holders: object };
}) {
  const details = Object.values(iris_ports.details);
  const holders = Object.values(iris_ports.holders);
  const nth = (list: unknown[]) => (entry: { project_path: string; port: number }, index: number) =>
    [entry.project_path, list[index]] as const;
  return {
    details: Object.fromEntries(
      assignments
        .map(nth(details))
        .map(([key, value], index) => [key, { generation: "t", ...(value as object), port: assignments[index]?.port }]),
    ),
    holders: Object.fromEntries(assignments.map(nth(holders)).map(([key, value]) => [key, value ?? []])),
  };
}

/** A valid one in which something was cut out, put in or replaced. */
const mutated = fc
  .tuple(
    validDocument,
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.nat({ max: 40 }),
    fc.oneof(text, fc.json()),
    fc.boolean(),
  )
  .map(([document, where, length, insertion, isPretty]) => {
    const json = JSON.stringify(document, null, isPretty ? 2 : 0);
    const at = Math.floor(where * json.length);
    return json.slice(0, at) + insertion + json.slice(at + length);
  });

/** A valid one in which a value somewhere is another. */
const replaced = fc
  .tuple(validDocument, fc.infiniteStream(fc.nat({ max: 9 })), fc.jsonValue())
  .map(([document, way, value]) => {
    const copy = structuredClone(document) as unknown as Record<string, unknown>;
    let target = copy;
    for (const step of way) {
      const keys = Object.keys(target);
      const key = keys[step % Math.max(1, keys.length)];
      if (key === undefined) break;
      const next = target[key];
      if (typeof next !== "object" || next === null || step > 6) {
        target[key] = value;
        break;
      }
      target = next as Record<string, unknown>;
    }
    return JSON.stringify(copy);
  });

/** Any bytes at all, and what is nearly or really a document. */
export const anyText = fc
  .oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString("utf8")) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 3, arbitrary: mutated },
    { weight: 3, arbitrary: replaced },
    { weight: 3, arbitrary: validDocument.map((document) => JSON.stringify(document)) },
  )
  // Node 24's JSON.parse takes any key of one escaped character for a backslash once it has seen that key in an object
  // of the same shape: JSON.parse('{"a":0,"\\\\":0}'), then Object.keys(JSON.parse('{"a":0,"\\u0041":0}'))[1] is "\\".
  .filter((text) => !/"\\\\"\s*:/.test(text));
