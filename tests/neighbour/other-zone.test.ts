import { expect, test } from "vitest";
import { PYTHON_VERSIONS, PythonTool } from "../helpers/python-tool.ts";
import { TestRegistry } from "../helpers/registry.ts";

const MINUTE = 60_000;

// Wherever this runs, one of the two is hours behind it: what was written there seems to be hours old.
test.each(["Pacific/Pago_Pago", "America/New_York"])("S4: iris-devtester in %s keeps its 15 minutes", async (TZ) => {
  const tool = (await PythonTool.install(PYTHON_VERSIONS[3] as (typeof PYTHON_VERSIONS)[number])).in({ TZ });
  const machine = await TestRegistry.create();
  machine.now = new Date();
  const [port, last] = machine.range;
  expect(await tool.run(machine.path, "assign", "/python/new", "--range", port, last)).toEqual([String(port)]);
  expect(await machine.open().cleanupStale()).toEqual([]);
  expect(await machine.open().assignPort(machine.project("ours"))).toMatchObject({ port: port + 1 });
  // That tool keeps the note.
  expect(await tool.run(machine.path, "assign", "/python/other", "--range", port, last)).toEqual([String(port + 2)]);
  expect(Object.keys(machine.json().iris_ports.seen)).toEqual(["/python/new"]);
  machine.passTime(14 * MINUTE);
  expect(await machine.open().cleanupStale()).toEqual([]);
  machine.passTime(4 * MINUTE);
  expect(await machine.open().cleanupStale()).toHaveLength(2);
});
