import { describe, expect, test } from "vitest";
import { manualHolder, uniqueProcessHolder } from "../../src/registry/holder.ts";
import { IdleProcess } from "../helpers/processes.ts";
import { TestRegistry } from "../helpers/registry.ts";

describe("S6: an engine is told from others by its own ID", () => {
  test("so an engine that is reached at another address is the same engine", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    expect(machine.json().iris_ports.details[machine.project("a")].engine).toBe(machine.engine.id);
    await idle.kill();
    machine.engine.endpoint = "unix:///another/name.sock";
    expect(await machine.open().cleanupStale()).toHaveLength(1);
  });

  test("and another engine at the same address is not the same", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    await idle.kill();
    machine.engine.id = "ANOTHER:ENGINE";
    expect(await machine.open().cleanupStale()).toEqual([]);
  });

  test("by its address, if the document is of a version that noted addresses", async () => {
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

  test("by its address, if an implementation has no ID", async () => {
    const machine = await TestRegistry.create();
    const { endpoint } = machine.engine;
    const engine = { endpoint, isLocal: true, listContainers: async () => [], removeContainer: async () => {} };
    await machine.open({ engine }).assignPort(machine.project("a"));
    expect(machine.json().iris_ports.details[machine.project("a")].engine).toBe(endpoint);
  });
});

describe("S3: an assignment that was used on two engines is stale only if both", () => {
  /** Project a's port: taken beside one engine, joined beside another, on each of which it may have a container. */
  async function usedOnTwo({ usesContainer }: { usesContainer: boolean }) {
    const machine = await TestRegistry.create(1);
    const first = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"), { holder: first.holder("first", { usesContainer: false }) });
    const second = await IdleProcess.start();
    const joins = async () => {
      machine.engine.id = "ANOTHER:ENGINE";
      await machine.open().acquire(machine.project("a"), { holder: second.holder("second", { usesContainer }) });
      machine.engine.id = "FAKE:ENGINE";
    };
    return { machine, first, second, joins };
  }

  test("tell so: a container was started on the second", async () => {
    const { machine, first, second, joins } = await usedOnTwo({ usesContainer: true });
    await joins();
    await Promise.all([first.kill(), second.kill()]);
    expect(await machine.open().cleanupStale()).toEqual([]);
    await expect(machine.open().assignPort(machine.project("b"))).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
  });

  test("tell so: its container on the first was kept, and the second was asked when it was next used", async () => {
    const { machine, first, second, joins } = await usedOnTwo({ usesContainer: false });
    await first.kill();
    await joins();
    await second.kill();
    machine.engine.id = "ANOTHER:ENGINE";
    expect(await machine.open().cleanupStale()).toEqual([]);
  });
});

describe("S6: no engine at all is not an engine that does not answer", () => {
  test("so dead assignments are reclaimed without one", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.openWithoutEngine();
    const idle = await IdleProcess.start();
    const { port } = await registry.assignPort(machine.project("a"), { holder: idle.holder() });
    await expect(registry.assignPort(machine.project("b"))).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
    await idle.kill();
    expect(await registry.listAll()).toMatchObject([{ status: "stale" }]);
    expect((await registry.assignPort(machine.project("b"))).port).toBe(port);
  });

  test("even if Docker is not installed, until it is", async () => {
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

  test("but ports that were assigned beside an engine are not reclaimed without it", async () => {
    const machine = await TestRegistry.create(1);
    const idle = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    await idle.kill();
    machine.engine.isAbsent = true;
    expect(await machine.open().cleanupStale()).toEqual([]);
    expect(await machine.openWithoutEngine().cleanupStale()).toEqual([]);
  });

  test("nor are ports that were assigned while an engine did not answer", async () => {
    const machine = await TestRegistry.create(1);
    machine.engine.isReachable = false;
    const idle = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    await idle.kill();
    expect(await machine.openWithoutEngine().cleanupStale()).toEqual([]);
    machine.engine.isReachable = true;
    expect(await machine.open().cleanupStale()).toHaveLength(1);
  });

  test("and a live process or a manual hold keeps its port as usual", async () => {
    const machine = await TestRegistry.create(2);
    const registry = machine.openWithoutEngine();
    await registry.assignPort(machine.project("a"), { holder: await uniqueProcessHolder() });
    await registry.assignPort(machine.project("b"), { holder: manualHolder() });
    await expect(registry.assignPort(machine.project("c"))).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
    expect(await registry.cleanupStale()).toEqual([]);
  });
});
