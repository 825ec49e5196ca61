import { describe, expect, test } from "vitest";
import { manualHolder, uniqueProcessHolder } from "../../src/registry/holder.ts";
import { IdleProcess } from "../helpers/processes.ts";
import { TestRegistry } from "../helpers/registry.ts";

describe("S6: an engine is told from others by its own ID", () => {
  test("so that one engine reached at another address is the same one", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    expect(machine.json().iris_ports.details[machine.project("a")].engine).toBe(machine.engine.id);
    await idle.kill();
    machine.engine.endpoint = "unix:///another/name.sock";
    expect(await machine.open().cleanupStale()).toHaveLength(1);
  });

  test("and another engine at the same address is not", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    await idle.kill();
    machine.engine.id = "ANOTHER:ENGINE";
    expect(await machine.open().cleanupStale()).toEqual([]);
  });

  test("by its address where the document is of a version that noted addresses", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    await idle.kill();
    const document = machine.json();
    document.iris_ports.details[machine.project("a")].engine = "tcp://build-host:2375";
    machine.write(document);
    expect(await machine.open().cleanupStale()).toEqual([]);
    document.iris_ports.details[machine.project("a")].engine = machine.engine.endpoint;
    machine.write({ ...document, iris_ports: { ...document.iris_ports, revision: document.iris_ports.revision + 1 } });
    expect(await machine.open().cleanupStale()).toHaveLength(1);
  });

  test("by its address where an implementation tells no ID", async () => {
    const machine = await TestRegistry.create();
    const { endpoint } = machine.engine;
    const engine = { endpoint, isLocal: true, listContainers: async () => [], removeContainer: async () => {} };
    await machine.open({ engine }).assignPort(machine.project("a"));
    expect(machine.json().iris_ports.details[machine.project("a")].engine).toBe(endpoint);
  });
});

describe("S6: no engine at all is not an engine that does not answer", () => {
  test("so that what is dead is reclaimed without one", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.openWithoutEngine();
    const idle = await IdleProcess.start();
    const { port } = await registry.assignPort(machine.project("a"), { holder: idle.holder() });
    await expect(registry.assignPort(machine.project("b"))).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
    await idle.kill();
    expect(await registry.listAll()).toMatchObject([{ status: "stale" }]);
    expect((await registry.assignPort(machine.project("b"))).port).toBe(port);
  });

  test("also where Docker is not installed, until it is", async () => {
    const machine = await TestRegistry.create(1);
    machine.engine.isAbsent = true;
    const idle = await IdleProcess.start();
    const { containerName } = await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    await idle.kill();
    machine.engine.isAbsent = false;
    machine.engine.run({ name: containerName });
    expect(await machine.open().listAll()).toMatchObject([{ status: "active" }]);
    machine.engine.remove(containerName);
    expect(await machine.open().cleanupStale()).toHaveLength(1);
  });

  test("but what was taken beside an engine is not reclaimed without it", async () => {
    const machine = await TestRegistry.create(1);
    const idle = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    await idle.kill();
    machine.engine.isAbsent = true;
    expect(await machine.open().cleanupStale()).toEqual([]);
    expect(await machine.openWithoutEngine().cleanupStale()).toEqual([]);
  });

  test("nor what was taken while an engine did not answer", async () => {
    const machine = await TestRegistry.create(1);
    machine.engine.isReachable = false;
    const idle = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    await idle.kill();
    expect(await machine.openWithoutEngine().cleanupStale()).toEqual([]);
    machine.engine.isReachable = true;
    expect(await machine.open().cleanupStale()).toHaveLength(1);
  });

  test("and a live process or a manual hold keeps its port there as anywhere", async () => {
    const machine = await TestRegistry.create(2);
    const registry = machine.openWithoutEngine();
    await registry.assignPort(machine.project("a"), { holder: await uniqueProcessHolder() });
    await registry.assignPort(machine.project("b"), { holder: manualHolder() });
    await expect(registry.assignPort(machine.project("c"))).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
    expect(await registry.cleanupStale()).toEqual([]);
  });
});
