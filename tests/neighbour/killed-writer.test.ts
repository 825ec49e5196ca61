import fs from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { manualHolder } from "../../src/registry/holder.ts";
import { PYTHON_VERSIONS, PythonTool, type PythonVersions } from "../helpers/python-tool.ts";
import { TestRegistry } from "../helpers/registry.ts";

const NEWEST = PYTHON_VERSIONS.at(-1) as PythonVersions;

describe("when iris-devtester is killed while it writes", () => {
  async function killedAfter(bytes: number) {
    const tool = await PythonTool.install(NEWEST);
    const machine = await TestRegistry.create(4);
    machine.now = new Date();
    const [first, last] = machine.range;
    const { port } = await machine.open().assignPort(machine.project("ours"), { holder: manualHolder() });
    await tool.run(machine.path, "assign", "/python/earlier", "--range", first, last);
    const killed = tool.start(machine.path, "killed", bytes, "--range", first, last);
    expect((await killed.ended()).code).toBe(9);
    const warning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    return { machine, port, warning, first };
  }

  test("an empty file is replaced by our last version, with a warning", async () => {
    const { machine, port, warning } = await killedAfter(0);
    expect(fs.statSync(machine.path).size).toBe(0);
    expect(await machine.open().getAssignment(machine.project("ours"))).toMatchObject({ port });
    expect(fs.statSync(machine.path).size).toBe(0);
    expect(warning.mock.calls).toEqual([[expect.stringContaining("emptied or half written"), expect.anything()]]);
    await machine.open().assignPort(machine.project("next"));
    expect(machine.json().assignments).toMatchObject([{ project_path: machine.project("ours"), port }, {}]);
    expect(fs.readdirSync(machine.directory).filter((name) => name.includes("corrupt"))).toEqual([]);
    vi.restoreAllMocks();
  });

  test("half a file also keeps the entries that can still be read", async () => {
    const { machine, first } = await killedAfter(600);
    const listed = await machine.open().listAll();
    expect(listed.map(({ port, projectPath }) => [port, projectPath])).toEqual([
      [first, machine.project("ours")],
      [first + 1, "/python/earlier"],
    ]);
    await machine.open().assignPort(machine.project("next"));
    expect(machine.json().assignments).toHaveLength(3);
    expect(fs.readdirSync(machine.directory).filter((name) => name.includes("corrupt"))).toHaveLength(1);
    vi.restoreAllMocks();
  });
});

test("its cleanup_stale() removes no assignment of ours that has no container", async () => {
  const tool = await PythonTool.install(NEWEST);
  const machine = await TestRegistry.create(3);
  await machine.open().assignPort(machine.project("manual"), { holder: manualHolder() });
  await machine.open().assignPort(machine.project("process"));
  expect(await tool.run(machine.path, "cleanup")).toEqual([]);
  expect(machine.json().assignments).toHaveLength(2);
});
