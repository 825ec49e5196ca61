import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { manualHolder, processText, uniqueProcessHolder } from "../../src/registry/holder.ts";
import {
  LABEL_CREATOR,
  LABEL_CREATOR_PROCESS,
  LABEL_GENERATION,
  LABEL_LIFETIME,
  LABEL_PORT,
  LABEL_PROJECT,
  LABEL_REGISTRY,
} from "../../src/registry/labels.ts";
import { containerName } from "../../src/registry/project.ts";
import { IdleProcess } from "../helpers/processes.ts";
import { TestRegistry } from "../helpers/registry.ts";

const COMPOSE = "com.docker.compose.project.working_dir";

/** `iris-ports run`, from its beginning to its end: the port. */
async function run(machine: TestRegistry, project = "a", instance?: string): Promise<number> {
  const holder = await uniqueProcessHolder();
  const options = instance === undefined ? { holder } : { holder, instance };
  const { port } = await machine.open().assignPort(machine.project(project), options);
  await machine.open().releasePort(machine.project(project), options);
  return port;
}

/** A container that this registry's holder made, and the holder's process. */
async function madeBy(machine: TestRegistry, idle: IdleProcess, project = "a") {
  const holder = idle.holder("maker", { usesContainer: true });
  const { assignment, generation } = await machine.open().acquire(machine.project(project), { holder });
  const labels = {
    [LABEL_PROJECT]: machine.project(project),
    [LABEL_PORT]: String(assignment.port),
    [LABEL_REGISTRY]: machine.path,
    [LABEL_LIFETIME]: "holders",
    [LABEL_GENERATION]: generation,
    [LABEL_CREATOR]: "maker",
    [LABEL_CREATOR_PROCESS]: processText(holder) as string,
  };
  const { containerName: name, port } = assignment;
  return { holder, assignment, generation, container: machine.engine.run({ name, labels, hostPorts: [port] }) };
}

describe("S5: a project's own container keeps its port for it", () => {
  test.each(["running", "exited"])("by its name, made by hand: %s", async (state) => {
    const machine = await TestRegistry.create();
    const [first] = machine.range;
    machine.engine.run({ name: "in-the-way", hostPorts: [first] });
    const port = await run(machine);
    machine.engine.remove("in-the-way");
    machine.engine.run({ name: containerName(machine.project("a"), port), hostPorts: [port], state });
    expect([await run(machine), await run(machine)]).toEqual([port, port]);
    expect(await run(machine, "b")).toBe(first);
  });

  test("by the directory that docker compose was called for, through any link", async () => {
    const machine = await TestRegistry.create();
    const port = machine.range[0] + 2;
    const link = join(machine.directory, "link");
    fs.symlinkSync(machine.project("a"), link);
    machine.engine.run({ name: "a_iris_1", hostPorts: [port], labels: { [COMPOSE]: link } });
    expect([await run(machine), await run(machine)]).toEqual([port, port]);
    expect(await run(machine, "b")).not.toBe(port);
  });

  test("and is evidence of life for as long as it exists, but never removed", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { port } = await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    machine.engine.run({ name: "a_iris_1", hostPorts: [port], labels: { [COMPOSE]: machine.project("a") } });
    await idle.kill();
    expect(await machine.open().cleanupStale()).toEqual([]);
    expect(await machine.open().listAll()).toMatchObject([{ status: "active" }]);
    expect(await run(machine)).toBe(port);
    machine.engine.remove("a_iris_1");
    expect(machine.engine.containers).toEqual([]);
  });

  test("an instance has the compose containers on its own port, and not the others", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const two = { instance: "two", holder: idle.holder() };
    await machine.open().assignPort(machine.project("a"), { holder: manualHolder() });
    const { port } = await machine.open().assignPort(machine.project("a"), two);
    machine.engine.run({ name: "a_db_1", hostPorts: [5432], labels: { [COMPOSE]: machine.project("a") } });
    await idle.kill();
    expect(await machine.open().cleanupStale()).toMatchObject([{ instance: "two", port }]);
  });

  test.each([
    ["another registry", { [LABEL_REGISTRY]: "/another/registry.json" }],
    ["another project", { [LABEL_PROJECT]: "/another/project" }],
  ])("but not where its labels name %s", async (_, labels) => {
    const machine = await TestRegistry.create();
    const [port] = machine.range;
    machine.engine.run({ name: containerName(machine.project("a"), port), hostPorts: [port], labels });
    expect(await run(machine)).not.toBe(port);
  });
});

describe("S5: after a release, in another range,", () => {
  test.each(["holders", "kept"])(
    "a container of the lifetime %s keeps its port while its maker lives",
    async (lifetime) => {
      const machine = await TestRegistry.create(2);
      const idle = await IdleProcess.start();
      const { assignment, container } = await madeBy(machine, idle);
      Object.assign(container.labels, { [LABEL_LIFETIME]: lifetime });
      await machine.open().releasePort(machine.project("a"));
      const portRange = [machine.range[1], machine.range[1]] as const;
      const holder = await uniqueProcessHolder({ usesContainer: true });
      expect(await machine.open({ portRange }).assignPort(machine.project("a"), { holder })).toMatchObject({
        port: assignment.port,
      });
      await idle.kill();
    },
  );

  test.each([true, false])(
    "a demand for another port is refused while the container is there (start: %s)",
    async (usesContainer) => {
      const machine = await TestRegistry.create(2);
      const idle = await IdleProcess.start();
      const { assignment, container } = await madeBy(machine, idle);
      const holder = await uniqueProcessHolder({ usesContainer });
      const demand = { holder, preferredPort: machine.range[1] };
      await expect(machine.open().assignPort(machine.project("a"), demand)).rejects.toMatchObject({
        code: "PORT_CONFLICT",
        remedy: expect.stringContaining("stop the container first: npx iris-ports down "),
      });
      await machine.open().releasePort(machine.project("a"));
      await expect(machine.open().assignPort(machine.project("a"), demand)).rejects.toMatchObject({
        code: "PORT_CONFLICT",
        occupant: { kind: "container", name: container.name, port: assignment.port },
      });
      await idle.kill();
    },
  );

  test("a container whose maker and users are gone is removed before another is started", async () => {
    const machine = await TestRegistry.create(2);
    const idle = await IdleProcess.start();
    await madeBy(machine, idle);
    await idle.kill();
    await machine.open().releasePort(machine.project("a"));
    const portRange = [machine.range[1], machine.range[1]] as const;
    const holder = await uniqueProcessHolder({ usesContainer: true });
    expect(await machine.open({ portRange }).assignPort(machine.project("a"), { holder })).toMatchObject({
      port: machine.range[1],
    });
    expect(machine.engine.containers).toEqual([]);
  });
});

describe("S5: containers of dead holders are removed before their port is handed out", () => {
  test("but not for a request that can never be met", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { container } = await madeBy(machine, idle);
    await idle.kill();
    const request = { preferredPort: 14_735, hasWebPort: true };
    await expect(machine.open().assignPort(machine.project("a"), request)).rejects.toMatchObject({
      argument: "hasWebPort",
    });
    expect(machine.engine.containers).toEqual([container]);
  });

  test.each(["the same project's run", "a port-only use beside a manual hold"])("to %s", async (which) => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { assignment } = await madeBy(machine, idle);
    if (which !== "the same project's run")
      await machine.open().assignPort(machine.project("a"), { holder: manualHolder() });
    await idle.kill();
    expect(await run(machine)).toBe(assignment.port);
    expect(machine.engine.containers).toEqual([]);
  });

  test("also when the document is lost", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { assignment } = await madeBy(machine, idle);
    await machine.open().clearAll();
    await idle.kill();
    expect(await run(machine)).toBe(assignment.port);
    expect(machine.engine.containers).toEqual([]);
  });

  test("but not what a process in a container made, whose registry of the same path may be another one", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { container, holder } = await madeBy(machine, idle);
    await idle.kill();
    fs.rmSync(machine.path);
    fs.rmSync(`${machine.path}.commit`, { recursive: true, force: true });
    const inside = { ...holder, process: { ...holder.process, pidNamespace: "pid:[4026530000]" } };
    const labels = { ...container.labels, [LABEL_CREATOR_PROCESS]: processText(inside) as string };
    machine.engine.containers = [{ ...container, labels }];
    const registry = machine.open({ liveness: async () => "gone" });
    expect((await registry.assignPort(machine.project("b"))).port).not.toBe(container.hostPorts[0]);
    await registry.cleanupStale();
    expect(machine.engine.containers).toHaveLength(1);
  });

  test("or the port is skipped, if the engine does not remove the container", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { assignment } = await madeBy(machine, idle);
    await idle.kill();
    machine.engine.isStubborn = true;
    expect(await run(machine)).not.toBe(assignment.port);
    expect(machine.engine.containers).toHaveLength(1);
  });

  test("but not while its maker lives", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { assignment, container } = await madeBy(machine, idle);
    await machine.open().releasePort(machine.project("a"));
    expect(await run(machine)).toBe(assignment.port);
    expect(machine.engine.containers).toEqual([container]);
  });
});

describe("C5: no user assumes that it is the only one of a container", () => {
  const release = (machine: TestRegistry) => machine.open().releasePort(machine.project("a"));
  const clear = (machine: TestRegistry) => machine.open().clearAll();
  const lose = async (machine: TestRegistry) => {
    fs.rmSync(machine.path);
    fs.rmSync(`${machine.path}.commit`, { recursive: true, force: true });
  };

  test("that joined before a release, whatever else is released since", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { container } = await madeBy(machine, idle);
    const holder = await uniqueProcessHolder({ usesContainer: true });
    await machine.open().acquire(machine.project("a"), { holder });
    await release(machine);
    const document = machine.json();
    const { released_at } = document.iris_ports.history[0];
    const past = Array.from({ length: 256 }, (_, index) => ({ project: `/p/${index}`, port: 9000, released_at }));
    document.iris_ports.history.push(...past);
    machine.write(document);
    await run(machine, "b");
    await idle.kill();
    await machine.open().cleanupStale();
    expect(machine.engine.containers).toEqual([container]);
  });

  test.each([
    ["a release", release],
    ["clear", clear],
    ["the loss of the document", lose],
  ])("that joins after %s", async (_, forget) => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { assignment, generation, holder: maker } = await madeBy(machine, idle);
    await forget(machine);
    const holder = await uniqueProcessHolder({ usesContainer: true });
    const joined = await machine.open().acquire(machine.project("a"), { holder });
    expect(joined).toMatchObject({ generation, assignment: { port: assignment.port } });
    expect([...joined.otherUsers]).toEqual(["maker"]);
    expect(await machine.open().beginLeave(machine.project("a"), { holder })).toEqual({ isLast: false });
    await machine.open().releasePort(machine.project("a"), { holder });
    expect(await machine.open().beginLeave(machine.project("a"), { holder: maker })).toEqual({ isLast: true });
  });

  test.each([
    ["a release", release],
    ["clear", clear],
  ])("when it joined before %s", async (_, forget) => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { holder: maker } = await madeBy(machine, idle);
    const holder = await uniqueProcessHolder({ usesContainer: true });
    await machine.open().acquire(machine.project("a"), { holder });
    await forget(machine);
    expect(await machine.open().listAll()).toEqual([]);
    expect(await machine.open().beginLeave(machine.project("a"), { holder: maker })).toEqual({ isLast: false });
    expect(await machine.open().beginLeave(machine.project("a"), { holder })).toEqual({ isLast: true });
  });

  test("a user whose process is gone, such as a job after its runner has died, still releases what it holds", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { holder } = await madeBy(machine, idle);
    await idle.kill();
    expect(await machine.open().beginLeave(machine.project("a"), { holder })).toEqual({ isLast: true });
    expect(await machine.open().releasePort(machine.project("a"), { holder })).toMatchObject({ status: "released" });
  });

  test("a user that the registry does not know is told so", async () => {
    const machine = await TestRegistry.create();
    const holder = await uniqueProcessHolder({ usesContainer: true });
    const unrecorded = { isLast: true, isUnrecorded: true };
    expect(await machine.open().beginLeave(machine.project("a"), { holder })).toEqual(unrecorded);
  });

  test("the container is found under its present name, although its directory has become a link", async () => {
    const machine = await TestRegistry.create();
    const holder = await uniqueProcessHolder({ usesContainer: true });
    const { assignment } = await machine.open().acquire(machine.project("a"), { holder });
    fs.rmdirSync(machine.project("a"));
    fs.symlinkSync(machine.project("elsewhere"), assignment.projectPath);
    expect(await machine.open().beginLeave(assignment, { holder })).toEqual({ isLast: true });
    expect(await machine.open().releasePort(assignment, { holder })).toMatchObject({ status: "released" });
  });
});

describe("S5: a container of an image that docker commit made of the project's container", () => {
  /** The port of project a, whose holder is gone, while a container has the labels of the project's container only. */
  async function withCopy(nameOf: (made: string) => string, isComposed = false) {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { container, assignment } = await madeBy(machine, idle);
    await idle.kill();
    machine.engine.containers = [];
    const composed = isComposed ? { [COMPOSE]: machine.project("a") } : {};
    const labels = { ...container.labels, [LABEL_LIFETIME]: "kept", ...composed };
    machine.engine.run({ ...container, name: nameOf(container.name), labels, hostPorts: [] });
    return { machine, port: assignment.port };
  }

  test("does not keep the project's port assigned", async () => {
    const { machine, port } = await withCopy(() => "copy");
    expect(await machine.open().cleanupStale()).toMatchObject([{ port }]);
    expect(machine.engine.containers).toHaveLength(1);
  });

  test("keeps it if it has the project's name, or docker compose made it for the project's directory", async () => {
    const { machine: named } = await withCopy((made) => made);
    expect(await named.open().cleanupStale()).toEqual([]);
    const { machine: composed } = await withCopy(() => "copy", true);
    expect(await composed.open().cleanupStale()).toEqual([]);
  });
});
