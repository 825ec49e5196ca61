import fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PYTHON_VERSIONS, PythonTool } from "../helpers/python-tool.ts";
import { TestRegistry, temporaryDirectory } from "../helpers/registry.ts";

test.each(["registry", ".registry", "registry.v1"])(
  "a document named %s has a lock of its own for each of the two tools, at the same time",
  async (name) => {
    const tool = await PythonTool.install(PYTHON_VERSIONS[3] as (typeof PYTHON_VERSIONS)[number]);
    const machine = await TestRegistry.create(4);
    const [first, last] = machine.range;
    const registryPath = join(temporaryDirectory(), name);
    const registry = machine.open({ registryPath });
    const python = (project: string) => tool.run(registryPath, "assign", project, "--range", first, last);
    expect(await python("/python/one")).toEqual([String(first)]);
    expect(await registry.assignPort(machine.project("ours"))).toMatchObject({ port: first + 1 });
    expect(await python("/python/two")).toEqual([String(first + 2)]);
    // While that tool is inside, a change of ours waits.
    const holding = tool.start(registryPath, "hold");
    expect(await holding.nextLine()).toBeDefined();
    await expect(machine.open({ registryPath, lockTimeoutMs: 300 }).clearAll()).rejects.toMatchObject({
      code: "PORT_ASSIGNMENT_TIMEOUT",
      lockPath: fs.realpathSync(registryPath).replace(/(\.v1)?$/, ".lock"),
    });
  },
);
