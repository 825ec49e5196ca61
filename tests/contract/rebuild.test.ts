import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { containerLabels } from "../../src/registry/container-labels.ts";
import { jobHolder, processText } from "../../src/registry/holder.ts";
import { IdleProcess } from "../helpers/processes.ts";
import { TestRegistry, temporaryDirectory } from "../helpers/registry.ts";

/** A container as the container module makes it for a project that has its port. */
async function startFor(registry: TestRegistry, name: string, lifetime: "holders" | "kept" = "holders") {
  const owner = await IdleProcess.start();
  const holder = owner.holder(`holder of ${name}`, { usesContainer: true });
  const { assignment, generation } = await registry.open().acquire(registry.project(name), { holder });
  const { port, projectPath, containerName } = assignment;
  const container = registry.engine.run({
    name: containerName,
    hostPorts: [port],
    labels: {
      "io.iris-ports.project": projectPath,
      "io.iris-ports.port": String(port),
      "io.iris-ports.registry": registry.path,
      "io.iris-ports.lifetime": lifetime,
      "io.iris-ports.generation": generation,
      "io.iris-ports.creator": holder.id,
      "io.iris-ports.creator-process": processText(holder) as string,
    },
  });
  return { owner, holder, assignment, generation, container };
}

const BROKEN = ["not JSON", "\u0000\u0001", '{"schema_version":"1.0","assignments":[{"port":1}]}', "[]"];

/** The document, with the copy of its last version. */
function loseDocument({ path }: TestRegistry): void {
  fs.rmSync(path);
  const commits = `${path}.commit`;
  for (const name of fs.readdirSync(commits).filter((one) => one.startsWith("copy."))) fs.rmSync(join(commits, name));
}

describe("D8: rebuild", () => {
  it.each(BROKEN)("rebuilds a document that contains %j from the containers, and keeps its bytes", async (bytes) => {
    const registry = await TestRegistry.create();
    const shop = await startFor(registry, "shop");
    const billing = await startFor(registry, "billing", "kept");
    registry.write(bytes);

    const { unreadable, restored, skipped } = await registry.open().rebuild();

    expect(skipped).toEqual([]);
    expect(restored.map(({ port }) => port)).toEqual([shop.assignment.port, billing.assignment.port]);
    expect(fs.readFileSync(unreadable?.keptAs as string, "utf8")).toBe(bytes);
    const after = registry.open();
    for (const { assignment, generation, holder } of [shop, billing]) {
      const again = await after.acquire(assignment.projectPath, { holder });
      expect(again).toMatchObject({ assignment: { port: assignment.port, containerName: assignment.containerName } });
      expect(again.generation).toBe(generation);
    }
  });

  it("restores the maker of a job's container as a job", async () => {
    const registry = await TestRegistry.create();
    const runner = await IdleProcess.start();
    const holder = jobHolder({ id: "job:17", usesContainer: true, process: runner.identity });
    const { assignment, generation } = await registry.open().acquire(registry.project("shop"), { holder });
    const labels = containerLabels({
      assignment,
      generation,
      registryPath: registry.path,
      creator: holder,
      lifetime: "holders",
    });
    registry.engine.run({ name: assignment.containerName, hostPorts: [assignment.port], labels });
    registry.write("not JSON");

    await registry.open().rebuild();

    const restored = await registry.open().inspect(assignment.projectPath);
    expect(restored?.holders).toMatchObject([{ id: "job:17", kind: "job", process: runner.identity }]);
  });

  it.each(["", "{", '{"schema_version": "1.0", "assignments": [{"proj'])(
    "has nothing to restore of a document that holds %j, because it goes on from the last version",
    async (bytes) => {
      const registry = await TestRegistry.create();
      const { assignment } = await startFor(registry, "shop");
      registry.write(bytes);
      expect(await registry.open().rebuild()).toMatchObject({ unreadable: undefined, restored: [], skipped: [] });
      expect(registry.json().assignments).toMatchObject([{ port: assignment.port }]);
    },
  );

  it("rebuilds a document that was deleted", async () => {
    const registry = await TestRegistry.create();
    const { assignment } = await startFor(registry, "shop");
    loseDocument(registry);
    const { unreadable, restored } = await registry.open().rebuild();
    expect(unreadable).toBeUndefined();
    expect(restored).toMatchObject([{ port: assignment.port, projectPath: assignment.projectPath }]);
  });

  it.skipIf(process.platform === "win32").each(["another registry", "nothing"])(
    "moves a link to %s aside that is in the document's place, and never follows it",
    async (target) => {
      const registry = await TestRegistry.create();
      const { assignment } = await startFor(registry, "shop");
      const other = join(temporaryDirectory(), "other.json");
      if (target === "another registry") {
        await registry.open({ registryPath: other }).assignPort("/elsewhere");
      }
      loseDocument(registry);
      fs.symlinkSync(other, registry.path);
      const { cleared, restored, unreadable } = await registry.open().rebuild();
      expect(unreadable).toBeUndefined();
      expect(cleared).toMatchObject([{ path: registry.path }]);
      expect(fs.readlinkSync(cleared[0]?.keptAs as string)).toBe(other);
      expect(restored).toMatchObject([{ port: assignment.port, projectPath: assignment.projectPath }]);
      expect(fs.lstatSync(registry.path).isFile()).toBe(true);
      expect(await registry.open().listAll()).toHaveLength(1);
    },
  );

  it("restores instances, web ports and ports outside the range as such", async () => {
    const registry = await TestRegistry.create();
    const { container, assignment } = await startFor(registry, "shop");
    const outside = registry.range[1] + 1;
    const labels = { ...container.labels, "io.iris-ports.port": String(outside), "io.iris-ports.instance": "second" };
    registry.engine.containers[0] = {
      ...container,
      hostPorts: [outside, 52_773],
      labels: { ...labels, "io.iris-ports.web-port": "52773" },
    };
    loseDocument(registry);
    await registry.open().rebuild();
    const options = { instance: "second" };
    expect(await registry.open().getAssignment(assignment.projectPath, options)).toMatchObject({
      projectKey: `${assignment.projectPath}#second`,
      port: outside,
      webPort: 52_773,
      assignmentType: "manual",
    });
    await expect(
      registry.open().assignPort(registry.project("other"), { preferredPort: 52_773 }),
    ).rejects.toMatchObject({ code: "PORT_CONFLICT" });
  });

  it("lets the maker of a container release its port as if nothing had been lost", async () => {
    const registry = await TestRegistry.create();
    const { assignment, holder } = await startFor(registry, "shop");
    registry.write("{");
    await registry.open().rebuild();
    const core = registry.open();
    expect(await core.beginLeave(assignment.projectPath, { holder })).toEqual({ isLast: true });
    expect(await core.releasePort(assignment.projectPath, { holder })).toMatchObject({ status: "released" });
    expect(await core.listAll()).toEqual([]);
  });

  it("loses nothing of a valid document", async () => {
    const registry = await TestRegistry.create();
    await startFor(registry, "shop");
    await registry.open().assignPort(registry.project("other"), { preferredPort: registry.range[1] });
    const before = fs.readFileSync(registry.path);
    expect(await registry.open().rebuild()).toEqual({ unreadable: undefined, cleared: [], restored: [], skipped: [] });
    expect(fs.readFileSync(registry.path)).toEqual(before);
  });

  it("adds what a new document lacks to what it has", async () => {
    const registry = await TestRegistry.create();
    const { assignment } = await startFor(registry, "shop");
    loseDocument(registry);
    const other = await registry.open().assignPort(registry.project("other"));
    const { restored } = await registry.open().rebuild();
    expect(restored).toMatchObject([{ port: assignment.port }]);
    expect(await registry.open().listAll()).toMatchObject([{ port: assignment.port }, { port: other.port }]);
  });

  it("leaves out a container whose port has another owner by now, and says so", async () => {
    const registry = await TestRegistry.create();
    const { assignment } = await startFor(registry, "shop");
    loseDocument(registry);
    registry.write({
      schema_version: "1.0",
      assignments: [
        {
          project_path: "/python/project",
          port: assignment.port,
          assigned_at: "2026-11-23T05:06:07.123456",
          assignment_type: "auto",
          status: "active",
          container_name: null,
        },
      ],
    });
    expect(await registry.open().rebuild()).toMatchObject({
      restored: [],
      skipped: [
        {
          containerName: assignment.containerName,
          reason: `port ${assignment.port} is assigned to project /python/project`,
        },
      ],
    });
  });

  it("prefers a running container to a stopped one of the same project", async () => {
    const registry = await TestRegistry.create();
    const { container } = await startFor(registry, "shop");
    const moved = registry.range[0] + 1;
    const labels = { ...container.labels, "io.iris-ports.port": String(moved) };
    registry.engine.containers[0] = { ...container, state: "exited" };
    registry.engine.run({ name: "moved", hostPorts: [moved], labels });
    registry.write("[]");
    const { restored, skipped } = await registry.open().rebuild();
    expect(restored.map(({ port }) => port)).toEqual([moved]);
    expect(skipped).toMatchObject([{ containerName: container.name, reason: expect.stringContaining("has port") }]);
  });

  it.each<[string, Record<string, string>, string]>([
    ["a relative project", { "io.iris-ports.project": "shop" }, "not a valid project"],
    ["a project with control characters", { "io.iris-ports.project": "/a\nb" }, "not a valid project"],
    ["an invalid instance", { "io.iris-ports.instance": "../x" }, "not a valid instance"],
    ["a port it does not publish", { "io.iris-ports.port": "22" }, "does not publish the port in its label (22)"],
    ["an invalid port", { "io.iris-ports.port": "x" }, "does not publish the port"],
  ])("takes no assignment from a label with %s", async (_, forged, reason) => {
    const registry = await TestRegistry.create();
    const { container } = await startFor(registry, "shop");
    registry.engine.containers[0] = { ...container, labels: { ...container.labels, ...forged } };
    registry.write("[]");
    const { restored, skipped } = await registry.open().rebuild();
    expect(restored).toEqual([]);
    expect(skipped).toMatchObject([{ reason: expect.stringContaining(reason) }]);
  });

  it("skips containers of another registry, and those whose maker is dead", async () => {
    const registry = await TestRegistry.create();
    const { owner } = await startFor(registry, "dead");
    await owner.kill();
    const { container } = await startFor(registry, "other");
    const labels = { ...container.labels, "io.iris-ports.registry": "/another/registry.json" };
    registry.engine.containers[1] = { ...container, labels };
    registry.write("[]");
    expect(await registry.open().rebuild()).toMatchObject({ restored: [], skipped: [] });
  });

  it("keeps a container whose maker left no process, until it is released by hand", async () => {
    const registry = await TestRegistry.create();
    const { container, assignment } = await startFor(registry, "job");
    const { "io.iris-ports.creator-process": _, ...labels } = container.labels;
    registry.engine.containers[0] = { ...container, labels };
    registry.write("[]");
    const core = registry.open();
    await core.rebuild();
    expect(await core.cleanupStale()).toEqual([]);
    expect(registry.engine.containers).toHaveLength(1);
    expect(await core.releasePort(assignment.projectPath)).toMatchObject({ status: "released" });
  });

  it("needs the engine, and changes nothing without it", async () => {
    const registry = await TestRegistry.create();
    await startFor(registry, "shop");
    registry.write("[]");
    registry.engine.isReachable = false;
    await expect(registry.open().rebuild()).rejects.toMatchObject({
      code: "CONTAINER_ENGINE",
      remedy: expect.stringContaining("--without-engine"),
    });
    expect(fs.readFileSync(registry.path, "utf8")).toBe("[]");
  });

  it("begins an empty document without the engine if that is requested, and restores the containers later", async () => {
    const registry = await TestRegistry.create();
    const { assignment } = await startFor(registry, "shop");
    registry.write("[]");
    registry.engine.isReachable = false;
    const { unreadable } = await registry.open().rebuild({ isEngineOptional: true });
    expect(fs.readFileSync(unreadable?.keptAs as string, "utf8")).toBe("[]");
    expect(registry.json().assignments).toEqual([]);
    registry.engine.isReachable = true;
    expect((await registry.open().rebuild()).restored).toMatchObject([{ port: assignment.port }]);
  });

  it.each(["notes\n", '{"name": "package"}', "root:x:0:0::/root:/bin/sh\n"])(
    "leaves a file alone that never was a registry (%j), and everything beside it, unless it is forced",
    async (text) => {
      const registry = await TestRegistry.create();
      registry.write(text);
      fs.mkdirSync(`${registry.path}.lock`);
      fs.utimesSync(`${registry.path}.lock`, 0, 0);
      const before = fs.readdirSync(registry.directory);
      for (const work of [
        () => registry.open().rebuild(),
        () => registry.open().listAll(),
        () => registry.open().assignPort("/a"),
        () => registry.open().releasePort("/a"),
        () => registry.open().cleanupStale(),
      ])
        await expect(work()).rejects.toMatchObject({ code: "REGISTRY_CORRUPT" });
      expect(fs.readdirSync(registry.directory)).toEqual(before);
      await expect(registry.open().rebuild()).rejects.toMatchObject({ remedy: expect.stringContaining("--force") });
      const { unreadable } = await registry.open().rebuild({ isForced: true });
      expect(fs.readFileSync(unreadable?.keptAs as string, "utf8")).toBe(text);
      expect(registry.json().assignments).toEqual([]);
    },
  );

  it.skipIf(process.platform === "win32")("leaves a link alone where no registry was", async () => {
    const registry = await TestRegistry.create();
    fs.symlinkSync("elsewhere", registry.path);
    await expect(registry.open().rebuild()).rejects.toMatchObject({ code: "REGISTRY_CORRUPT" });
    expect(fs.readlinkSync(registry.path)).toBe("elsewhere");
  });

  it("touches nothing of a newer schema", async () => {
    const registry = await TestRegistry.create();
    const text = '{"schema_version":"9.0","assignments":[]}';
    registry.write(text);
    await expect(registry.open().rebuild()).rejects.toMatchObject({ code: "REGISTRY_SCHEMA" });
    expect(fs.readFileSync(registry.path, "utf8")).toBe(text);
    expect(fs.readdirSync(registry.directory).filter((name) => name.includes("corrupt"))).toEqual([]);
  });

  it("replaces no document whose bytes it cannot keep", async () => {
    const registry = await TestRegistry.create();
    registry.write("{");
    await expect(registry.open().assignPort("/a")).rejects.toMatchObject({ code: "REGISTRY_CORRUPT" });
    const [copy = ""] = fs.readdirSync(registry.directory).filter((name) => name.includes("corrupt"));
    fs.rmSync(join(registry.directory, copy));
    fs.mkdirSync(join(registry.directory, copy, "in the way"), { recursive: true });
    await expect(registry.open().rebuild()).rejects.toMatchObject({ code: "REGISTRY_CORRUPT", backupPath: undefined });
    expect(fs.readFileSync(registry.path, "utf8")).toBe("{");
  });

  it("does not take a planted link for the copy, and writes nothing through it", async () => {
    const registry = await TestRegistry.create();
    registry.write("{");
    const elsewhere = join(temporaryDirectory(), "victim");
    fs.writeFileSync(elsewhere, "{");
    await expect(registry.open().assignPort("/a")).rejects.toMatchObject({ code: "REGISTRY_CORRUPT" });
    const [copy = ""] = fs.readdirSync(registry.directory).filter((name) => name.includes("corrupt"));
    fs.rmSync(join(registry.directory, copy));
    fs.symlinkSync(elsewhere, join(registry.directory, copy));
    const { unreadable } = await registry.open().rebuild();
    expect(fs.lstatSync(unreadable?.keptAs as string).isFile()).toBe(true);
    expect(fs.readFileSync(elsewhere, "utf8")).toBe("{");
  });

  it("names the repair in the error that a corrupt document causes", async () => {
    const registry = await TestRegistry.create();
    registry.write("{");
    await expect(registry.open().assignPort(registry.project("shop"))).rejects.toMatchObject({
      remedy: expect.stringContaining("iris-ports doctor --repair"),
    });
  });
});
