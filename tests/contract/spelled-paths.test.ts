import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { processHolder } from "../../src/registry/holder.ts";
import { TestRegistry } from "../helpers/registry.ts";

/** The Python tool stores paths as they were given to it. */
function addPythonEntry(machine: TestRegistry, project: string, port: number): void {
  const document = machine.json();
  const entry = { project_path: project, port, assigned_at: "2026-11-23T05:06:07", assignment_type: "auto" };
  machine.write({ ...document, assignments: [...document.assignments, { ...entry, status: "active" }] });
}

/** A registry with a port for `/.../real`, and a symbolic link to that directory. */
async function machineWithLink() {
  const machine = await TestRegistry.create(3);
  const real = machine.project("real");
  const link = join(machine.directory, "link");
  fs.symlinkSync(real, link);
  const { port } = await machine.open().assignPort(real);
  return { machine, real, link, port, pythonPort: port + 1 };
}

describe("R5, R7: an entry whose path is not canonical", () => {
  test("is found by its exact spelling: a link, a trailing slash, a relative path", async () => {
    const { machine, real, link, port, pythonPort } = await machineWithLink();
    const registry = machine.open();
    for (const spelled of [link, `${real}/`, "some/relative/path", "."]) {
      addPythonEntry(machine, spelled, pythonPort);
      expect(await registry.getAssignment(spelled)).toMatchObject({ port: pythonPort, projectKey: spelled });
      expect(await registry.inspect(spelled)).toMatchObject({ port: pythonPort, projectPath: spelled });
      expect(await registry.releasePort(spelled)).toMatchObject({ port: pythonPort, status: "released" });
      expect((await registry.listAll()).map(({ projectKey }) => projectKey)).toEqual([real]);
    }
    expect((await registry.getAssignment(real))?.port).toBe(port);
  });

  test("of an instance is found by the spelling with the instance", async () => {
    const { machine, link, pythonPort } = await machineWithLink();
    addPythonEntry(machine, `${link}#two`, pythonPort);
    expect(await machine.open().releasePort(link, { instance: "two" })).toMatchObject({ port: pythonPort });
  });

  test("is not found by another spelling of its directory, nor without such an entry", async () => {
    const { machine, real, link, port, pythonPort } = await machineWithLink();
    expect((await machine.open().getAssignment(link))?.port).toBe(port);
    addPythonEntry(machine, link, pythonPort);
    expect((await machine.open().getAssignment(`${link}/`))?.port).toBe(port);
    expect((await machine.open().releasePort(real)).port).toBe(port);
  });

  test("is left alone by a holder that holds the canonical path", async () => {
    const { machine, link, port, pythonPort } = await machineWithLink();
    addPythonEntry(machine, link, pythonPort);
    const holder = await processHolder();
    expect(await machine.open().releasePort(link, { holder })).toMatchObject({ port, status: "released" });
    expect(await machine.open().getAssignment(link)).toMatchObject({ port: pythonPort });
  });
});
