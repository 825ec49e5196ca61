import fs from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { manualHolder, uniqueProcessHolder } from "../../src/registry/holder.ts";
import { containerName } from "../../src/registry/project.ts";
import { HALF_WRITTEN_MS } from "../../src/stores/document-reader.ts";
import { IdleProcess, Program } from "../helpers/processes.ts";
import { TestRegistry } from "../helpers/registry.ts";

const SCRIPT = fileURLToPath(new URL("../fixtures/iris_devtester_registry.py", import.meta.url));

/** Runs the Python tool's way of changing a document; Debian's python3 has all it needs. */
async function python(machine: TestRegistry, ...args: readonly unknown[]): Promise<readonly string[]> {
  const program = new Program("python3", [SCRIPT, machine.path, ...args.map(String)]);
  try {
    return await program.output();
  } catch (cause) {
    if (program.child.pid !== undefined) throw cause;
    throw new Error("these tests need python3: apt-get install python3, or see https://www.python.org", { cause });
  }
}

const assignByPython = async (machine: TestRegistry, name: string) =>
  Number((await python(machine, "assign", machine.project(name), machine.range[0] + 1))[0]);

describe("D2: beside the Python tool", () => {
  test("its entries are read, and hold their ports", async () => {
    const machine = await TestRegistry.create(3);
    machine.now = new Date();
    const port = await assignByPython(machine, "python");
    const registry = machine.open();
    const entry = await registry.getAssignment(machine.project("python"));
    expect(entry).toMatchObject({
      port,
      assignmentType: "manual",
      containerName: containerName(machine.project("python"), port),
    });
    expect(Math.abs(Number(entry?.assignedAt) - Date.now())).toBeLessThan(60_000);
    expect((await registry.assignPort(machine.project("a"))).port).toBe(machine.range[0]);
    expect((await registry.assignPort(machine.project("b"))).port).toBe(machine.range[0] + 2);
    expect((await registry.assignPort(machine.project("python"))).port).toBe(port);
  });

  test("ours are read by it, also by Python 3.9's datetime.fromisoformat", async () => {
    const machine = await TestRegistry.create(2);
    await machine.open().assignPort(machine.project("a"));
    machine.passTime(877);
    await machine.open().assignPort(machine.project("b"), { instance: "two" });
    expect(machine.now.getMilliseconds()).toBe(0);
    expect(await python(machine, "strict")).toEqual(["2026-11-23T05:06:07.123000+00:00", "2026-11-23T05:06:08+00:00"]);
    expect(JSON.parse(String((await python(machine, "list"))[0]))).toMatchObject([
      { project_path: machine.project("a"), port: machine.range[0] },
      { project_path: `${machine.project("b")}#two`, port: machine.range[0] + 1 },
    ]);
  });

  test("no entry names a container, so that its cleanup_stale() keeps them all", async () => {
    const machine = await TestRegistry.create(2);
    const { containerName } = await machine.open().assignPort(machine.project("a"));
    expect(containerName).toMatch(/^iris_[0-9a-f]{8}_\d+$/);
    await machine.open().assignPort(machine.project("a"), { holder: manualHolder() });
    expect(machine.json().assignments).toMatchObject([{ container_name: null }]);
  });

  test("an entry of its own stays as it wrote it when we join it", async () => {
    const machine = await TestRegistry.create(3);
    machine.now = new Date();
    await assignByPython(machine, "python");
    const before = machine.json().assignments;
    await machine.open().assignPort(machine.project("python"), { holder: manualHolder() });
    expect(machine.json().assignments).toEqual(before);
    expect(await machine.open().inspect(machine.project("python"))).toMatchObject({ holders: [{ kind: "manual" }] });
  });

  test("nothing of ours is lost when it rewrites the document", async () => {
    const machine = await TestRegistry.create(3);
    const registry = machine.open();
    await registry.assignPort(machine.project("gone"));
    await registry.releasePort(machine.project("gone"));
    await registry.assignPort(machine.project("a"), { holder: await uniqueProcessHolder({ usesContainer: true }) });
    await registry.assignPort(machine.project("a"), { holder: manualHolder() });
    const before = await registry.listAll();
    const { iris_ports } = machine.json();
    await python(machine, "rewrite");
    await python(machine, "assign", machine.project("python"), machine.range[0] + 2);
    expect(machine.json().iris_ports).toEqual(iris_ports);
    expect((await registry.listAll()).filter(({ projectPath }) => projectPath === machine.project("a"))).toEqual(
      before,
    );
    await registry.releasePort(machine.project("a"));
    expect(machine.json().iris_ports.revision).toBeGreaterThan(iris_ports.revision);
    expect(machine.json().assignments).toMatchObject([{ project_path: machine.project("python") }]);
  });

  test("an entry of ours that it released is released for all holders", async () => {
    const machine = await TestRegistry.create(3);
    const registry = machine.open();
    await registry.assignPort(machine.project("a"), { holder: manualHolder() });
    await python(machine, "release", machine.project("a"));
    expect(await registry.listAll()).toEqual([]);
    await expect(registry.releasePort(machine.project("a"))).rejects.toMatchObject({ code: "PORT_NOT_ASSIGNED" });
    expect((await registry.assignPort(machine.project("b"))).port).toBe(machine.range[0]);
    expect(Object.keys(machine.json().iris_ports.holders)).toEqual([machine.project("b")]);
  });

  test("an entry that it drops while a process of ours relies on it is put back, and goes with that process", async () => {
    const machine = await TestRegistry.create(3);
    const registry = machine.open();
    const idle = await IdleProcess.start();
    const taken = { preferredPort: machine.range[1], holder: idle.holder() };
    const { port } = await registry.assignPort(machine.project("a"), taken);
    await python(machine, "release", machine.project("a"));
    expect(await registry.inspect(machine.project("a"))).toMatchObject({ port, assignmentType: "manual" });
    await expect(registry.assignPort(machine.project("b"), { preferredPort: port })).rejects.toMatchObject({
      code: "PORT_CONFLICT",
    });
    await idle.kill();
    expect((await registry.assignPort(machine.project("b"), { preferredPort: port })).port).toBe(port);
  });

  test("an entry that it made anew on another port leaves our holders theirs, until they release it", async () => {
    const machine = await TestRegistry.create(3);
    machine.now = new Date();
    const registry = machine.open();
    const project = machine.project("a");
    await registry.assignPort(project, { holder: manualHolder() });
    await python(machine, "release", project);
    const port = await assignByPython(machine, "a");
    expect(await registry.inspect(project)).toMatchObject({ port: machine.range[0], holders: [{ kind: "manual" }] });
    await expect(registry.assignPort("/b", { preferredPort: port })).rejects.toMatchObject({ code: "PORT_CONFLICT" });
    await registry.releasePort(project);
    expect(await registry.inspect(project)).toMatchObject({ port, holders: [] });
    expect(machine.json().assignments).toMatchObject([{ project_path: project, port }]);
  });

  test("an entry that it released and made anew on the same port is its own: no holder of ours makes it stale", async () => {
    const machine = await TestRegistry.create(3);
    machine.now = new Date();
    const idle = await IdleProcess.start();
    const registry = machine.open();
    const { port } = await registry.assignPort(machine.project("a"), { holder: idle.holder() });
    await idle.kill();
    await python(machine, "release", machine.project("a"));
    await python(machine, "assign", machine.project("a"), port);
    expect(await registry.inspect(machine.project("a"))).toMatchObject({ port, status: "active" });
    expect(await registry.cleanupStale()).toEqual([]);
  });

  test("our holders of its entry stay when it rewrites the document, and the entry stays when they leave", async () => {
    const machine = await TestRegistry.create(3);
    machine.now = new Date();
    const port = await assignByPython(machine, "python");
    const registry = machine.open();
    const holder = await uniqueProcessHolder();
    await registry.assignPort(machine.project("python"), { holder });
    await python(machine, "rewrite");
    expect(await registry.inspect(machine.project("python"))).toMatchObject({ port, holders: [{ id: holder.id }] });
    await registry.releasePort(machine.project("python"), { holder });
    expect(await registry.inspect(machine.project("python"))).toMatchObject({ port, holders: [], status: "active" });
    await python(machine, "release", machine.project("python"));
    expect(await registry.listAll()).toEqual([]);
  });

  test("a registry whose name has no extension has a lock of ours beside its lock file", async () => {
    const machine = await TestRegistry.create(2);
    const path = join(machine.directory, "registry");
    const lock = join(machine.directory, "registry.lock");
    fs.writeFileSync(lock, "");
    const registry = machine.open({ registryPath: path });
    await registry.assignPort(machine.project("a"));
    expect(fs.statSync(lock).isFile()).toBe(true);
    expect(await registry.listAll()).toHaveLength(1);
  });

  test("a document that it cleared is adopted, and the next commit is fenced as usual", async () => {
    const machine = await TestRegistry.create(3);
    const registry = machine.open();
    await registry.assignPort(machine.project("a"), { holder: manualHolder() });
    await python(machine, "clear");
    expect(await registry.listAll()).toEqual([]);
    expect((await registry.assignPort(machine.project("b"))).port).toBe(machine.range[0]);
    expect(machine.json().iris_ports.revision).toBe(2);
  });

  test("a document that it cleared still has the ports of live processes", async () => {
    const machine = await TestRegistry.create(3);
    const registry = machine.open();
    const { port } = await registry.assignPort(machine.project("a"));
    await python(machine, "clear");
    expect(await registry.listAll()).toMatchObject([{ port, holders: [{ kind: "process" }] }]);
    await expect(registry.assignPort("/b", { preferredPort: port })).rejects.toMatchObject({ code: "PORT_CONFLICT" });
  });

  test("a reader waits while it writes, and then reads the complete document", async () => {
    const machine = await TestRegistry.create(2);
    const { port } = await machine.open().assignPort(machine.project("a"));
    const slow = new Program("python3", [SCRIPT, machine.path, "dawdle"]);
    expect(await slow.nextLine()).toBe("half");
    const reading = machine.open().getAssignment(machine.project("a"));
    // Longer than a reader waits for a half-written document if no writer holds the Python tool's lock.
    await delay(2 * HALF_WRITTEN_MS);
    slow.signal("SIGUSR1");
    expect(await reading).toMatchObject({ port });
    expect((await slow.ended()).code).toBe(0);
    expect(fs.readdirSync(machine.directory).filter((name) => name.includes("corrupt"))).toEqual([]);
  });

  test("a document that it left half written when it was killed goes on from our last version", async () => {
    const machine = await TestRegistry.create(2);
    const { port } = await machine.open().assignPort(machine.project("a"));
    const killed = new Program("python3", [SCRIPT, machine.path, "dawdle"]);
    expect(await killed.nextLine()).toBe("half");
    const reading = machine.open().getAssignment(machine.project("a"));
    killed.signal("SIGKILL");
    expect(await reading).toMatchObject({ port });
    expect((await machine.open().assignPort(machine.project("b"))).port).toBe(machine.range[1]);
    expect(machine.json().assignments).toMatchObject([{ port }, { port: machine.range[1] }]);
  });

  test("both may write at once without giving a port twice or losing an entry", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open({ portRange: [1972, 2171], probe: async () => true });
    await python(machine, "rewrite");
    const storm = python(machine, "storm", "/python", 40);
    const ours: string[] = [];
    for (let turn = 0; turn < 40; turn++) ours.push((await registry.assignPort(`/typescript/${turn}`)).projectKey);
    const theirs = (await storm).map(Number);
    const entries: { project_path: string; port: number }[] = machine.json().assignments;
    expect(new Set(entries.map(({ port }) => port)).size).toBe(entries.length);
    expect(theirs).toHaveLength(40);
    expect(entries.map(({ project_path }) => project_path).sort()).toEqual(
      [...ours, ...theirs.map((_, turn) => `/python/${turn}`)].sort(),
    );
  });
});
