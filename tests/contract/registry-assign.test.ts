import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { InvalidArgumentError } from "../../src/errors/errors.ts";
import { PortConflictError } from "../../src/registry/errors.ts";
import { jobHolder, manualHolder, processHolder } from "../../src/registry/holder.ts";
import { LABEL_INSTANCE, LABEL_PROJECT } from "../../src/registry/labels.ts";
import { containerName } from "../../src/registry/project.ts";
import { listenOn } from "../helpers/listener.ts";
import { isOnRedis, TestRegistry } from "../helpers/registry.ts";

describe("R1: an assignment", () => {
  test("has the port, the project, the type, the time and the container's name", async () => {
    const machine = await TestRegistry.create();
    const project = machine.project("shop");
    const assignment = await machine.open().assignPort(project);
    expect(assignment).toEqual({
      projectPath: project,
      projectKey: project,
      port: machine.range[0],
      assignedAt: machine.now,
      assignmentType: "auto",
      status: "active",
      containerName: containerName(project, machine.range[0]),
    });
    expect(assignment.containerName).toMatch(new RegExp(`^iris_[0-9a-f]{8}_${machine.range[0]}$`));
  });

  test("of an instance is another one than the project's own", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const own = await registry.assignPort(machine.project("shop"));
    const second = await registry.assignPort(machine.project("shop"), { instance: "reporting" });
    expect(second).toMatchObject({ instance: "reporting", projectPath: own.projectPath, port: own.port + 1 });
    expect(second.projectKey).toBe(`${own.projectPath}#reporting`);
    expect(await registry.getAssignment(machine.project("shop"), { instance: "reporting" })).toEqual(second);
  });

  test("is for IRIS_PORTS_PROJECT when no project is given, else for the working directory", async () => {
    const machine = await TestRegistry.create();
    const project = machine.project("from-environment");
    vi.stubEnv("IRIS_PORTS_PROJECT", project);
    expect((await machine.open().assignPort()).projectPath).toBe(project);
    vi.stubEnv("IRIS_PORTS_PROJECT", "");
    expect((await machine.open().assignPort()).projectPath).toBe(fs.realpathSync(process.cwd()));
    vi.unstubAllEnvs();
  });

  test("D1: has exactly the six keys in the document that the Python tool knows", async () => {
    const machine = await TestRegistry.create();
    await machine.open().assignPort(machine.project("shop"), { instance: "second" });
    expect(machine.json().assignments.map(Object.keys)).toEqual([
      ["project_path", "port", "assigned_at", "assignment_type", "status", "container_name"],
    ]);
    expect(machine.json().assignments[0].assigned_at).toBe("2026-11-23T05:06:07.123+00:00");
  });

  test("keeps document and directories private", async () => {
    const machine = await TestRegistry.create();
    const path = join(machine.directory, "new", "port-registry.json");
    await machine.open({ registryPath: path }).assignPort(machine.project("shop"));
    const modes = [join(machine.directory, "new"), path, `${path}.commit`].map(
      (name) => fs.statSync(name).mode & 0o777,
    );
    expect(modes).toEqual([0o700, 0o600, 0o700]);
  });
});

describe("R2: the same project gets the same port", () => {
  test("any number of times, from any registry object, by any spelling of its path", async () => {
    const machine = await TestRegistry.create();
    const project = machine.project("shop");
    fs.symlinkSync(project, join(machine.directory, "link"));
    const spellings = [project, `${project}/`, join(machine.directory, "link"), join(project, "..", "shop", ".")];
    const ports = new Set<number>();
    for (const spelling of spellings) ports.add((await machine.open().assignPort(spelling)).port);
    expect([...ports]).toEqual([machine.range[0]]);
    expect(machine.json().assignments).toHaveLength(1);
  });

  test.skipIf(isOnRedis)("asking again writes nothing", async () => {
    const machine = await TestRegistry.create();
    await machine.open().assignPort(machine.project("shop"));
    const before = machine.json();
    await machine.open().assignPort(machine.project("shop"));
    expect(machine.json()).toEqual(before);
  });

  test("and every caller becomes a holder", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    await registry.assignPort(machine.project("shop"));
    await registry.assignPort(machine.project("shop"), { holder: manualHolder() });
    await registry.assignPort(machine.project("shop"), { holder: await processHolder({ id: "one more" }) });
    expect((await registry.inspect(machine.project("shop")))?.holders.map(({ kind }) => kind)).toEqual([
      "process",
      "manual",
      "process",
    ]);
  });
});

describe("a holder that asks again", () => {
  test("is kept once, with the time of its first request and its present description", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const holder = jobHolder({ id: "job", expiresAt: new Date(machine.now.getTime() + 60_000) });
    await registry.assignPort(machine.project("a"), { holder });
    const expiresAt = new Date(machine.now.getTime() + 3_600_000);
    const again = { ...holder, since: new Date(), expiresAt, usesContainer: true };
    await registry.assignPort(machine.project("a"), { holder: again });
    const { holders } = (await registry.inspect(machine.project("a"))) ?? {};
    expect(holders).toEqual([{ ...again, since: holder.since }]);
  });
});

describe("R3: a preferred port", () => {
  test("inside or outside the range is given as manual", async () => {
    const machine = await TestRegistry.create(6);
    const [first, last] = machine.range;
    const registry = machine.open({ portRange: [first, last - 1] });
    const inside = await registry.assignPort(machine.project("a"), { preferredPort: first + 2 });
    const outside = await registry.assignPort(machine.project("b"), { preferredPort: last });
    expect([inside, outside]).toMatchObject([
      { port: first + 2, assignmentType: "manual" },
      { port: last, assignmentType: "manual" },
    ]);
  });

  test("that the project holds already is confirmed, and manual from then on", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const { port } = await registry.assignPort(machine.project("a"));
    const again = await registry.assignPort(machine.project("a"), { preferredPort: port });
    expect(again).toMatchObject({ port, assignmentType: "manual" });
  });

  test("of another project is refused, naming it", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const { port } = await registry.assignPort(machine.project("a"));
    const refused = registry.assignPort(machine.project("b"), { preferredPort: port });
    await expect(refused).rejects.toThrow(PortConflictError);
    await expect(refused).rejects.toMatchObject({
      code: "PORT_CONFLICT",
      port,
      occupant: { kind: "assignment", port, name: machine.project("a") },
    });
    await expect(refused).rejects.toThrow(/To fix: .*iris-ports release/);
    expect(await registry.getAssignment(machine.project("b"))).toBeUndefined();
  });

  test("of a container, running or stopped, is refused, naming it", async () => {
    const machine = await TestRegistry.create();
    for (const [index, state] of ["running", "created", "exited"].entries()) {
      const port = machine.range[0] + index;
      machine.engine.run({ name: `stranger-${state}`, state, hostPorts: [port] });
      const refused = machine.open().assignPort(machine.project("b"), { preferredPort: port });
      await expect(refused).rejects.toMatchObject({ occupant: { kind: "container", port, name: `stranger-${state}` } });
    }
  });

  test.each(["0.0.0.0", "127.0.0.1", "::", "::1"])(
    "of a listener on %s is refused, naming its process",
    async (host) => {
      const machine = await TestRegistry.create();
      const port = machine.range[0] + 1;
      await listenOn(port, host);
      const refused = machine.open().assignPort(machine.project("b"), { preferredPort: port });
      await expect(refused).rejects.toMatchObject({ occupant: { kind: "listener", port } });
      await expect(refused).rejects.toThrow(`process ${process.pid}`);
    },
  );

  test("is refused while the project holds another one, which it keeps", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const held = await registry.assignPort(machine.project("a"));
    const refused = registry.assignPort(machine.project("a"), { preferredPort: held.port + 1 });
    await expect(refused).rejects.toMatchObject({ code: "PORT_CONFLICT", port: held.port + 1 });
    await expect(refused).rejects.toThrow(`already holds port ${held.port}`);
    expect(await registry.getAssignment(machine.project("a"))).toEqual(held);
  });

  test("of a stale assignment is taken over", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open({ liveness: async ({ pid }) => (pid === 1 ? "gone" : "alive") });
    const { process: identity } = await processHolder();
    const holder = await processHolder({ id: "gone soon" });
    const { port } = await registry.assignPort(machine.project("a"), {
      holder: { ...holder, process: { ...identity, pid: 1 } },
    });
    const taken = await registry.assignPort(machine.project("b"), { preferredPort: port });
    expect(taken).toMatchObject({ port, assignmentType: "manual" });
    expect(await registry.getAssignment(machine.project("a"))).toBeUndefined();
  });
});

describe("C12: a web port", () => {
  const low = [9_000 + 100, 14_000] as const;
  /** Its own numbers: 52773 + (port - 1972) has to stay below 65536. */
  const probe = async () => true;

  test("is as far from the port as 52773 from 1972, and is kept", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open({ portRange: low, probe });
    const assignment = await registry.assignPort(machine.project("a"), { hasWebPort: true });
    expect(assignment).toMatchObject({ port: 9_100, webPort: 9_100 + 50_801 });
    expect(await registry.assignPort(machine.project("a"))).toMatchObject({ webPort: 9_100 + 50_801 });
  });

  test("can be requested later, unless it is taken by then", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open({ portRange: low, probe });
    await registry.assignPort(machine.project("a"));
    await registry.assignPort(machine.project("b"));
    machine.engine.run({ name: "stranger", hostPorts: [9_101 + 50_801] });
    expect(await registry.assignPort(machine.project("a"), { hasWebPort: true })).toMatchObject({ webPort: 59_901 });
    const refused = registry.assignPort(machine.project("b"), { hasWebPort: true });
    await expect(refused).rejects.toMatchObject({
      code: "PORT_CONFLICT",
      port: 59_902,
      occupant: { name: "stranger" },
    });
  });

  test("reserves both ports", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open({ portRange: low, probe });
    machine.engine.run({ name: "stranger", hostPorts: [9_100 + 50_801] });
    expect(await registry.assignPort(machine.project("a"), { hasWebPort: true })).toMatchObject({ port: 9_101 });
    const refused = registry.assignPort(machine.project("b"), { preferredPort: 9_101 + 50_801 });
    await expect(refused).rejects.toMatchObject({ occupant: { name: machine.project("a") } });
  });

  test("is refused if there can be none: by range, by preference, and for a port that is held already", async () => {
    const machine = await TestRegistry.create();
    const high = machine.open({ probe });
    await expect(high.assignPort(machine.project("a"), { hasWebPort: true })).rejects.toThrow(InvalidArgumentError);
    const registry = machine.open({ portRange: low, probe });
    const preferred = registry.assignPort(machine.project("a"), { preferredPort: 14_735, hasWebPort: true });
    await expect(preferred).rejects.toThrow(InvalidArgumentError);
    await registry.assignPort(machine.project("a"), { preferredPort: 20_000 });
    const later = registry.assignPort(machine.project("a"), { hasWebPort: true });
    await expect(later).rejects.toThrow(InvalidArgumentError);
    expect(await registry.getAssignment(machine.project("a"))).toMatchObject({ port: 20_000 });
  });
});

describe("a project whose path ends like an instance", () => {
  test("is told apart from the project with that instance", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    await registry.assignPort(machine.project("shop"), { instance: "second" });
    const refused = registry.assignPort(`${machine.project("shop")}#second`);
    await expect(refused).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(refused).rejects.toThrow("another project and instance");
  });

  test("and its containers do not belong to another project", async () => {
    const machine = await TestRegistry.create();
    const labels = { [LABEL_PROJECT]: machine.project("shop"), [LABEL_INSTANCE]: "second" };
    machine.engine.run({ name: "theirs", labels, hostPorts: [machine.range[0]] });
    expect((await machine.open().assignPort(machine.project("shop"))).port).toBe(machine.range[0] + 1);
    const second = await machine.open().assignPort(machine.project("shop"), { instance: "second" });
    expect(second.port).toBe(machine.range[0]);
  });
});
