import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultInstance, otherInstance } from "../../action/job/instance.ts";
import { projectKey } from "../../src/registry/project.ts";

const FIRST = "__org_iris-ports";

test.each([
  [null, FIRST, undefined],
  ["", FIRST, undefined],
  [{}, FIRST, undefined],
  [null, "__org_iris-ports_2", "use2"],
  [null, "__self", undefined],
  [null, "orders", "orders"],
  [null, "setup.__org_iris-ports", "setup"],
  [{ iris: "latest-em", suite: "api" }, FIRST, "latest-em_api"],
  [{ iris: "latest-em", suite: "api" }, "__self_3", "latest-em_api_use3"],
  [{ node: 24, isFast: true }, FIRST, "24_true"],
])("matrix %j in step %s is instance %s", (matrix, action, instance) => {
  expect(defaultInstance(matrix === "" ? undefined : matrix, action)).toBe(instance);
});

test("values that an instance cannot contain, or that are ambiguous, are told apart by a digest", () => {
  const legs = [
    { a: "x_y", b: "z" },
    { a: "x", b: "y_z" },
    { a: "x y", b: "z" },
    { a: "x/y", b: "z" },
    { a: ["x", "y"], b: "z" },
    { a: "x", b: "" },
    { a: "", b: "x" },
    { a: "x".repeat(200) },
    { a: `${"x".repeat(200)}y` },
    { a: "…" },
  ];
  const names = legs.map((matrix) => defaultInstance(matrix, FIRST));
  for (const name of names) expect(name).toMatch(/-[0-9a-f]{8}$/);
  expect(new Set(names).size).toBe(legs.length);
});

test("any matrix gives a usable instance, and the same one every time", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (matrix, action) => {
      const instance = defaultInstance(matrix, action);
      expect(defaultInstance(structuredClone(matrix), action)).toBe(instance);
      if (instance !== undefined) projectKey("/shop", instance);
      projectKey("/shop", otherInstance(instance, 99, 99) ?? "");
    }),
  );
});

test("no two legs of one matrix have the same instance", () => {
  const value = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("a", "a_b", "b", "a-b", "use2", "a.b"));
  fc.assert(
    fc.property(value, value, value, value, (a, b, c, d) => {
      fc.pre(a !== c || b !== d);
      expect(defaultInstance({ a, b }, FIRST)).not.toBe(defaultInstance({ a: c, b: d }, FIRST));
    }),
  );
});
