import { describe, expect, test } from "vitest";
import { listenOn } from "../helpers/listener.ts";
import { IdleProcess } from "../helpers/processes.ts";
import { PYTHON_VERSIONS, PythonTool } from "../helpers/python-tool.ts";
import { TestRegistry } from "../helpers/registry.ts";

describe.each(PYTHON_VERSIONS.slice(2))("iris-devtester $tester moves a project whose port is in use", (versions) => {
  async function moved() {
    const tool = await PythonTool.install(versions);
    const machine = await TestRegistry.create(4);
    machine.now = new Date();
    const [first, last] = machine.range;
    const registry = machine.open();
    const idle = await IdleProcess.start();
    const project = machine.project("shop");
    await registry.assignPort(project, { holder: idle.holder() });
    const listener = await listenOn(first);
    expect(await tool.run(machine.path, "assign", project, "--range", first, last)).toEqual([String(first + 1)]);
    await listener.close();
    return { tool, machine, registry, idle, project, first, last };
  }

  test("but the port stays with the running holder while it does not listen for a moment", async () => {
    const { tool, machine, registry, project, first, last } = await moved();
    expect(await registry.assignPort(project)).toMatchObject({ port: first });
    expect((await registry.assignPort(machine.project("other"))).port).toBe(first + 2);
    // That tool passes the port over as well, and finds its own record.
    expect(await tool.run(machine.path, "assign", "/python/new", "--range", first, last)).toEqual([String(first + 3)]);
    expect(await tool.run(machine.path, "assign", project, "--range", first, last)).toEqual([String(first + 1)]);
  });

  test("and has the other port when the holder has gone", async () => {
    const { machine, registry, idle, project, first } = await moved();
    await registry.assignPort(machine.project("other"));
    expect((await registry.listAll()).map(({ port, status }) => [port, status])).toEqual([
      [first, "active"],
      [first + 1, "active"],
      [first + 2, "active"],
    ]);
    await idle.kill();
    await registry.cleanupStale();
    expect(await registry.inspect(project)).toMatchObject({ port: first + 1, holders: [] });
    expect((await registry.assignPort(machine.project("third"), { preferredPort: first })).port).toBe(first);
    expect(JSON.stringify(machine.json())).not.toContain("held by iris-ports");
  });
});
