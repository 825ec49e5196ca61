import { expect, test } from "vitest";
import { TestRegistry } from "../helpers/registry.ts";

/** A registry whose engine counts how often it describes itself. */
async function withCountedEngine() {
  const machine = await TestRegistry.create(5);
  const { engine } = machine;
  const seen = { asked: 0, incarnation: "first start" };
  const counted = Object.assign(engine, {
    incarnation: () => seen.incarnation,
    identify: async (known?: ReadonlyMap<string, string>) => {
      const id = known?.get(seen.incarnation);
      if (id === undefined) seen.asked++;
      return id ?? `ID since ${seen.incarnation}`;
    },
  });
  const assign = (name: string) => machine.open({ engine: counted }).assignPort(machine.project(name));
  const engines = () => machine.json().iris_ports.engines;
  return { assign, engines, seen, machine };
}

test("the engine's ID is noted with a new assignment, so that later processes do not ask for it", async () => {
  const { assign, engines, seen } = await withCountedEngine();
  await assign("a");
  await assign("b");
  expect(seen.asked).toBe(1);
  expect(engines()).toEqual({ "first start": "ID since first start" });
});

test("it is asked for again after an engine has started, and few are remembered", async () => {
  const { assign, engines, seen } = await withCountedEngine();
  for (const name of ["a", "b", "c", "d", "e"]) {
    seen.incarnation = `start of ${name}`;
    await assign(name);
  }
  expect(seen.asked).toBe(5);
  expect(Object.keys(engines() as object)).toEqual(["b", "c", "d", "e"].map((name) => `start of ${name}`));
});

test("the notes of a former start of the same engine are dropped", async () => {
  const { assign, engines, seen, machine } = await withCountedEngine();
  Object.assign(machine.engine, { identify: async () => "the same ID" });
  await assign("a");
  seen.incarnation = "second start";
  await assign("b");
  expect(engines()).toEqual({ "second start": "the same ID" });
});
