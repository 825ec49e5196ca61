import fs from "node:fs";
import { describe, expect, test } from "vitest";
import { manualHolder } from "../../src/registry/holder.ts";
import { LABEL_PROJECT, LABEL_REGISTRY } from "../../src/registry/labels.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { listenOn } from "../helpers/listener.ts";
import { IdleProcess } from "../helpers/processes.ts";
import { isOnRedis, TestRegistry } from "../helpers/registry.ts";

describe("R9: sticky ports", () => {
  test("a project gets its former port again, others take never-used ones first, then the longest released", async () => {
    const machine = await TestRegistry.create(4);
    const [first] = machine.range;
    const registry = machine.open();
    const portOf = async (name: string) => (await registry.assignPort(machine.project(name))).port - first;
    const release = async (name: string) => {
      machine.passTime(1_000);
      await registry.releasePort(machine.project(name));
    };
    expect([await portOf("a"), await portOf("b"), await portOf("c")]).toEqual([0, 1, 2]);
    await release("b");
    await release("a");
    await release("c");
    expect(await portOf("new")).toBe(3);
    expect(await portOf("newer")).toBe(1);
    expect(await portOf("a")).toBe(0);
    expect(await portOf("newest")).toBe(2);
  });

  test("a project does not wait for its former port if another project has it", async () => {
    const machine = await TestRegistry.create(2);
    const [first] = machine.range;
    const registry = machine.open();
    await registry.assignPort(machine.project("a"));
    await registry.releasePort(machine.project("a"));
    await registry.assignPort(machine.project("b"), { preferredPort: first });
    expect((await registry.assignPort(machine.project("a"))).port).toBe(first + 1);
  });

  test("after a restart of the machine every project gets its former port", async () => {
    const machine = await TestRegistry.create(3);
    const before = machine.open();
    const names = ["a", "b", "c"];
    for (const name of names) await before.assignPort(machine.project(name));
    const after = machine.open({ liveness: async () => "gone" });
    const ports = new Map<string, number>();
    for (const name of names.toReversed())
      ports.set(name, (await after.assignPort(machine.project(name), { holder: manualHolder() })).port);
    expect(names.map((name) => ports.get(name))).toEqual([0, 1, 2].map((offset) => machine.range[0] + offset));
  });

  test("the port of a project's own container comes first", async () => {
    const machine = await TestRegistry.create(4);
    const port = machine.range[0] + 2;
    machine.engine.run({ name: "kept", hostPorts: [port], labels: { [LABEL_PROJECT]: machine.project("a") } });
    expect((await machine.open().assignPort(machine.project("a"))).port).toBe(port);
  });

  test("the memory is bounded, and the longest released are forgotten first", async () => {
    const machine = await TestRegistry.create(1);
    const history = Array.from({ length: 256 }, (_, index) => ({
      project: `/old/${index}`,
      port: 2_000 + index,
      released_at: "2026-01-01T00:00:00.000+00:00",
    }));
    machine.write({ schema_version: "1.0", assignments: [], iris_ports: { history } });
    await machine.open().assignPort(machine.project("a"));
    await machine.open().releasePort(machine.project("a"));
    const kept = machine.json().iris_ports.history;
    expect(kept).toHaveLength(256);
    expect([kept[0].project, kept.at(-1).project]).toEqual(["/old/1", machine.project("a")]);
  });
});

describe("R10: a port counts as free only", () => {
  test("without an assignment, without a container in any state, and without a listener", async () => {
    const machine = await TestRegistry.create(8);
    const [first] = machine.range;
    const registry = machine.open();
    await registry.assignPort(machine.project("other"));
    machine.engine.run({ name: "runs", hostPorts: [first + 1] });
    machine.engine.run({ name: "never-started", state: "created", hostPorts: [first + 2] });
    machine.engine.run({ name: "stopped", state: "exited", hostPorts: [first + 3] });
    await listenOn(first + 4, "0.0.0.0");
    await listenOn(first + 5, "::1");
    await listenOn(first + 6, "127.0.0.1");
    expect((await registry.assignPort(machine.project("a"))).port).toBe(first + 7);
  });

  test("and a stopped container of the project itself does not hide a listener", async () => {
    const machine = await TestRegistry.create(3);
    const [first] = machine.range;
    const labels = { [LABEL_PROJECT]: machine.project("a") };
    machine.engine.run({ name: "kept", state: "exited", hostPorts: [first], labels });
    await listenOn(first);
    expect((await machine.open().assignPort(machine.project("a"))).port).toBe(first + 1);
  });

  test("and a container that another registry made for the same project is foreign", async () => {
    const machine = await TestRegistry.create(2);
    const [first] = machine.range;
    machine.engine.run({
      name: "elsewhere",
      hostPorts: [first],
      labels: { [LABEL_PROJECT]: machine.project("a"), [LABEL_REGISTRY]: "/another/registry.json" },
    });
    expect((await machine.open().assignPort(machine.project("a"))).port).toBe(first + 1);
    await expect(machine.open().assignPort(machine.project("b"), { preferredPort: first })).rejects.toMatchObject({
      occupant: { kind: "container", name: "elsewhere" },
    });
  });

  test.skipIf(isOnRedis)("and probes run under the lock, one at a time, after the engine was asked", async () => {
    const machine = await TestRegistry.create(6);
    let probing = 0;
    const seen: string[] = [];
    const probe = async () => {
      probing++;
      seen.push(`probe ${probing} ${isLocked()}`);
      await new Promise((resolve) => setImmediate(resolve));
      probing--;
      return true;
    };
    const isLocked = () => fs.existsSync(`${machine.path}.lock`);
    machine.engine.onList = () => {
      seen.push(isLocked() && names.length === 1 ? "listed under the lock" : "listed");
    };
    const names = ["a", "b", "c", "d", "e", "f"];
    await Promise.all(names.map((name) => machine.open({ probe }).assignPort(machine.project(name))));
    for (const name of names.splice(0, 5)) await machine.open().releasePort(machine.project(name));
    await machine.open({ probe }).assignPort(machine.project("a"));
    expect(new Set(seen)).toEqual(new Set(["listed", "probe 1 true"]));
  });

  test("and a remote engine's container belongs to its project, whatever listens on this host", async () => {
    const machine = await TestRegistry.create(2);
    machine.engine.isLocal = false;
    const idle = await IdleProcess.start();
    const registry = machine.open();
    const { port, containerName } = await registry.assignPort(machine.project("a"), { holder: idle.holder() });
    machine.engine.run({ name: containerName, hostPorts: [port] });
    await idle.kill();
    await listenOn(port);
    expect((await registry.assignPort(machine.project("a"))).port).toBe(port);
  });

  test("by the answer of a remote engine alone, because a probe on this host would prove nothing", async () => {
    const machine = await TestRegistry.create(2);
    machine.engine.isLocal = false;
    await listenOn(machine.range[0]);
    expect((await machine.open().assignPort(machine.project("a"))).port).toBe(machine.range[0]);
  });
});

describe("an assignment that ends between the survey and the lock", () => {
  test("is made anew, after the engine was asked", async () => {
    const machine = await TestRegistry.create(2);
    const other = machine.open();
    await other.assignPort(machine.project("a"));
    let isReleased = false;
    const liveness = async () => {
      if (!isReleased) await other.releasePort(machine.project("a"));
      isReleased = true;
      return "alive" as const;
    };
    const { timesListed } = machine.engine;
    expect((await machine.open({ liveness }).assignPort(machine.project("a"))).port).toBe(machine.range[0]);
    expect(machine.engine.timesListed).toBe(timesListed + 1);
  });
});

describe("a registry with nothing but a path and a range", () => {
  test("assigns, shares and releases without any engine", async () => {
    const machine = await TestRegistry.create(2);
    const registry = new PortRegistry({ engine: false, registryPath: machine.path, portRange: machine.range });
    const { assignedAt, port } = await registry.assignPort(machine.project("a"));
    expect(Math.abs(assignedAt.getTime() - Date.now())).toBeLessThan(60_000);
    expect((await registry.assignPort(machine.project("a"), { holder: manualHolder() })).port).toBe(port);
    expect(machine.json().iris_ports.details[machine.project("a")]).not.toHaveProperty("engine");
    await registry.releasePort(machine.project("a"));
    expect(registry.registryPath).toBe(machine.path);
  });
});

describe("R11: an engine that does not answer", () => {
  test("leaves the decision to assignments and probes, and nothing becomes stale", async () => {
    const machine = await TestRegistry.create(3);
    const [first] = machine.range;
    const idle = await IdleProcess.start();
    const registry = machine.open();
    await registry.assignPort(machine.project("a"), { holder: idle.holder() });
    await idle.kill();
    machine.engine.isReachable = false;
    await listenOn(first + 1);
    expect((await registry.assignPort(machine.project("b"))).port).toBe(first + 2);
    await expect(registry.assignPort(machine.project("c"))).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
    expect(await registry.cleanupStale()).toEqual([]);
    expect((await registry.assignPort(machine.project("a"))).port).toBe(first);
    expect((await machine.openWithoutEngine().listAll()).map(({ status }) => status)).toEqual(["active", "active"]);
  });
});
