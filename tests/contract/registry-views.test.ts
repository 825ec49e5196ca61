import { describe, expect, onTestFinished, test, vi } from "vitest";
import { processHolder, uniqueProcessHolder } from "../../src/registry/holder.ts";
import { LABEL_PORT, LABEL_PROJECT, LABEL_REGISTRY } from "../../src/registry/labels.ts";
import { PortRegistry, withStartEngine } from "../../src/registry/registry.ts";
import { FileStore } from "../../src/stores/file-store.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";
import { IdleProcess } from "../helpers/processes.ts";
import { TestRegistry } from "../helpers/registry.ts";

describe("the listed queue", () => {
  /** Has a process wait for a port until it is given one, and returns once it has its place. */
  async function queued(machine: TestRegistry, project: string): Promise<() => Promise<unknown>> {
    const hasPlace = Promise.withResolvers<void>();
    const assignment = machine.open().assignPort(machine.project(project), {
      holder: await processHolder({ id: `holder of ${project}` }),
      waitTimeoutMs: 60_000,
      onWait: () => hasPlace.resolve(),
    });
    await hasPlace.promise;
    return () => assignment;
  }

  test("is empty if no project waits, even before the first assignment", async () => {
    const machine = await TestRegistry.create(1);
    expect(await machine.open().listWaiting()).toEqual([]);
    await machine.open().assignPort(machine.project("a"));
    expect(await machine.open().listWaiting()).toEqual([]);
  });

  test("has the projects in their order, without waiters that have ended", async () => {
    const machine = await TestRegistry.create(1);
    const dead = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"));
    const last = [await queued(machine, "b"), await queued(machine, "c")];
    const { iris_ports: own, ...rest } = machine.json();
    const [place] = own.waiters;
    const { pid, startTime: start_time } = dead.identity;
    const gone = { ...place, id: "gone", project: "/gone" };
    gone.holder = { ...place.holder, process: { ...place.holder.process, pid, start_time } };
    machine.write({ ...rest, iris_ports: { ...own, waiters: [gone, ...own.waiters] } });
    const projects = async () => (await machine.open().listWaiting()).map(({ projectKey }) => projectKey);
    expect(await projects()).toEqual(["/gone", machine.project("b"), machine.project("c")]);
    await dead.kill();
    expect(await projects()).toEqual([machine.project("b"), machine.project("c")]);
    expect(await machine.open().listWaiting()).toMatchObject([
      { since: machine.now, holder: { kind: "process", process: { pid: process.pid } } },
      {},
    ]);
    for (const project of ["a", "b"]) {
      await machine.open().releasePort(machine.project(project));
      await last.shift()?.();
    }
  });
});

test("the assignments of one holder are those that it holds, alone or with others", async () => {
  const machine = await TestRegistry.create();
  const [one, other] = [await uniqueProcessHolder(), await uniqueProcessHolder()];
  const registry = machine.open();
  for (const [project, holder] of [
    ["a", one],
    ["b", other],
    ["c", one],
    ["c", other],
  ] as const)
    await registry.assignPort(machine.project(project), { holder });
  const held = async (id: string) => (await registry.listHeld(id)).map(({ projectPath }) => projectPath);
  expect(await held(one.id)).toEqual([machine.project("a"), machine.project("c")]);
  expect(await held(other.id)).toEqual([machine.project("b"), machine.project("c")]);
  expect(await held("nobody")).toEqual([]);
});

test.each(["its computed name", "renamed"])(
  "a newcomer does not wait for ever for one that does not finish leaving: %s",
  async (called) => {
    const machine = await TestRegistry.create();
    const leaver = await uniqueProcessHolder({ usesContainer: true });
    const { assignment } = await machine.open().acquire(machine.project("a"), { holder: leaver });
    const name = called === "renamed" ? called : assignment.containerName;
    const project = machine.project("a");
    const labels = { [LABEL_PROJECT]: project, [LABEL_REGISTRY]: machine.path, [LABEL_PORT]: `${assignment.port}` };
    machine.engine.run({ name, labels, hostPorts: [assignment.port] });
    await machine.open().beginLeave(machine.project("a"), { holder: leaver });
    const coming = machine.open().acquire(machine.project("a"), { holder: await uniqueProcessHolder() });
    const refused = expect(coming).rejects.toMatchObject({
      code: "CONTAINER_ENGINE",
      message: expect.stringMatching(/ has not finished after 60 s/),
      remedy: expect.stringContaining(`docker rm --force ${name}`),
    });
    // It has seen the leaver by the time that another assignment is made.
    await machine.open().assignPort(machine.project("b"));
    const now = performance.now.bind(performance);
    let aheadMs = 6_000;
    // The engine is asked after 5 s.
    machine.engine.onListed = () => {
      aheadMs = 61_000;
    };
    const later = vi.spyOn(performance, "now").mockImplementation(() => now() + aheadMs);
    onTestFinished(() => void later.mockRestore());
    await refused;
  },
);

describe("the engine that a start has found", () => {
  test("is asked instead of the default one, for the same document", async () => {
    const machine = await TestRegistry.create();
    await machine.open().assignPort(machine.project("a"));
    const store = new FileStore({ path: machine.path, lockTimeoutMs: 5_000, isDurable: false });
    const engine = new FakeEngine();
    for (const options of [{ store }, { registryPath: machine.path }]) {
      const asking = withStartEngine(new PortRegistry({ ...options, portRange: machine.range }), engine);
      expect(asking.engine).toBe(engine);
      expect(asking.portRange).toEqual(machine.range);
      expect(await asking.getAssignment(machine.project("a"))).toMatchObject({ port: machine.range[0] });
    }
  });

  test("is not asked if the registry was given an engine, or none", async () => {
    const machine = await TestRegistry.create();
    for (const registry of [machine.open(), machine.openWithoutEngine()])
      expect(withStartEngine(registry, new FakeEngine())).toBe(registry);
  });
});
