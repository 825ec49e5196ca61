import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Program } from "../helpers/processes.ts";
import { PYTHON_VERSIONS, PythonTool } from "../helpers/python-tool.ts";
import { TestRegistry } from "../helpers/registry.ts";

const SECONDS = 4;

describe.each(PYTHON_VERSIONS)("beside iris-devtester $tester with filelock $filelock", (versions) => {
  test("no port has two holders and nothing is lost while both write", { timeout: 300_000 }, async () => {
    const tool = await PythonTool.install(versions);
    const machine = await TestRegistry.create(16);
    // Where there is no document, the tool writes an empty one without its lock, and its own processes collide.
    machine.write({ schema_version: "1.0", assignments: [] });
    const claims = join(machine.directory, "claims");
    fs.mkdirSync(claims);
    const [first, last] = machine.range;
    const ours = (name: string) => [machine.path, `${first}-${last}`, name, SECONDS, claims];
    const programs = [
      ...["a", "b"].map((name) => tool.start(machine.path, "race", name, SECONDS, first, last, claims)),
      ...["c", "d"].map((name) => Program.node("race-worker.ts", ours(name))),
    ];
    const lines = (await Promise.all(programs.map((program) => program.output()))).flat();
    const operations = lines.filter((line) => line.startsWith("done")).map((line) => Number(line.split(" ")[1]));
    expect(lines.filter((line) => line.startsWith("!"))).toEqual([]);
    expect(Math.min(...operations)).toBeGreaterThanOrEqual(6);
    expect(machine.json().assignments).toEqual([]);
  });
});
