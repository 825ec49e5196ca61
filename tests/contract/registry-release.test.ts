import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { PortConflictError, PortNotAssignedError } from "../../src/registry/errors.ts";
import { manualHolder, processHolder, uniqueProcessHolder } from "../../src/registry/holder.ts";
import { listenOn } from "../helpers/listener.ts";
import { IdleProcess } from "../helpers/processes.ts";
import { isOnRedis, TestRegistry } from "../helpers/registry.ts";

const user = () => uniqueProcessHolder({ usesContainer: true });

/** From now on all waiters seem to have waited for this much longer. */
function passLeaveTime(milliseconds: number): void {
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + milliseconds);
  onTestFinished(() => void vi.restoreAllMocks());
}

describe("R5: releasing", () => {
  test("releases the port for all holders, and returns the assignment", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const held = await registry.assignPort(machine.project("a"));
    await registry.assignPort(machine.project("a"), { holder: manualHolder() });
    expect(await registry.releasePort(machine.project("a"))).toEqual({ ...held, status: "released" });
    expect(machine.json().assignments).toEqual([]);
    expect(machine.json().iris_ports).toMatchObject({ holders: {}, details: {} });
    expect(machine.json().iris_ports.history).toEqual([
      { project: machine.project("a"), port: held.port, released_at: "2026-11-23T05:06:07.123+00:00" },
    ]);
  });

  test("with isUseRespected is refused while a process uses the port, and names it", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const idle = await IdleProcess.start();
    const { port } = await registry.assignPort(machine.project("a"), { holder: manualHolder() });
    await registry.assignPort(machine.project("a"), { holder: idle.holder() });
    const before = machine.json();
    const refused = registry.releasePort(machine.project("a"), { isUseRespected: true });
    await expect(refused).rejects.toThrow(PortConflictError);
    await expect(refused).rejects.toMatchObject({
      port,
      state: `  held by process ${idle.identity.pid}`,
      remedy: expect.stringMatching(/iris-ports release \S+\/a --force --registry \S+$/),
    });
    expect(machine.json()).toEqual(before);
    await idle.kill();
    const released = await registry.releasePort(machine.project("a"), { isUseRespected: true });
    expect(released).toMatchObject({ port, status: "released" });
  });

  test("of a project without a port is an error", async () => {
    const machine = await TestRegistry.create();
    const refused = machine.open().releasePort(machine.project("a"), { instance: "second" });
    await expect(refused).rejects.toThrow(PortNotAssignedError);
    await expect(refused).rejects.toMatchObject({
      code: "PORT_NOT_ASSIGNED",
      project: `${machine.project("a")}#second`,
      remedy: expect.stringContaining("iris-ports list"),
    });
  });

  test("with a holder lets only that holder leave; the port is released with the last one", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const [one, other] = [await processHolder({ id: "one" }), await processHolder({ id: "other" })];
    await registry.assignPort(machine.project("a"), { holder: one });
    await registry.assignPort(machine.project("a"), { holder: other });
    const stranger = await processHolder({ id: "stranger" });
    expect(await registry.releasePort(machine.project("a"), { holder: stranger })).toMatchObject({ status: "active" });
    expect(await registry.releasePort(machine.project("a"), { holder: one })).toMatchObject({ status: "active" });
    expect((await registry.inspect(machine.project("a")))?.holders.map(({ id }) => id)).toEqual(["other"]);
    expect(await registry.releasePort(machine.project("a"), { holder: other })).toMatchObject({ status: "released" });
    expect(await registry.getAssignment(machine.project("a"))).toBeUndefined();
  });

  test("with a holder releases the port when all others are provably gone", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const idle = await IdleProcess.start();
    const mine = await processHolder();
    await registry.assignPort(machine.project("a"), { holder: idle.holder() });
    await registry.assignPort(machine.project("a"), { holder: mine });
    await idle.kill();
    expect(await registry.releasePort(machine.project("a"), { holder: mine })).toMatchObject({ status: "released" });
  });
});

describe("R7: reading", () => {
  test("lists active and stale assignments in the order of ports, with holders and evidence", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const idle = await IdleProcess.start();
    const b = await registry.assignPort(machine.project("b"), { holder: idle.holder() });
    const a = await registry.assignPort(machine.project("a"), { holder: manualHolder() });
    await idle.kill();
    expect(await registry.listAll()).toMatchObject([
      {
        port: b.port,
        status: "stale",
        holders: [{ kind: "process" }],
        evidence: [{ verdict: "gone" }, { verdict: "gone" }],
      },
      {
        port: a.port,
        status: "active",
        evidence: [{ kind: "holder", verdict: "alive", text: "manual" }, { kind: "container" }],
      },
    ]);
    expect(await registry.inspect(machine.project("b"))).toMatchObject({ status: "stale" });
    expect(await registry.inspect(machine.project("nobody"))).toBeUndefined();
    expect(machine.json().assignments).toHaveLength(2);
  });

  test("reading a registry that does not exist creates none", async () => {
    const machine = await TestRegistry.create();
    expect(await machine.open().listAll()).toEqual([]);
    expect(await machine.open().getAssignment(machine.project("a"))).toBeUndefined();
    expect(() => machine.json()).toThrow();
  });

  test("clearing forgets every assignment and every former port", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const a = await registry.assignPort(machine.project("a"));
    const b = await registry.assignPort(machine.project("b"));
    const again = await registry.assignPort(machine.project("c"));
    await registry.releasePort(machine.project("c"));
    expect(await registry.clearAll()).toEqual([a, b].map((assignment) => ({ ...assignment, status: "released" })));
    expect(await registry.listAll()).toEqual([]);
    expect((await registry.assignPort(machine.project("new"))).port).toBe(a.port);
    expect(again.port).toBe(b.port + 1);
  });
});

describe("announcing a restart of the project's container", () => {
  async function announced() {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const idle = await IdleProcess.start();
    const restarter = idle.holder("restarter", { usesContainer: true });
    const project = machine.project("a");
    await registry.acquire(project, { holder: restarter });
    const announce = (until: Date | undefined) => registry.announceRestart(project, { holder: restarter, until });
    const until = new Date(machine.now.getTime() + 60_000);
    await announce(until);
    const newcomer = await user();
    const isSeen = async () => (await registry.acquire(project, { holder: newcomer })).isBeingRestarted;
    return { machine, registry, idle, restarter, project, until, announce, isSeen };
  }

  test("is seen by others until it is over", async () => {
    const { registry, restarter, project, announce, isSeen } = await announced();
    expect(await isSeen()).toBe(true);
    expect((await registry.acquire(project, { holder: restarter })).isBeingRestarted).toBe(false);
    expect(await isSeen()).toBe(true);
    await announce(undefined);
    expect(await isSeen()).toBe(false);
  });

  test("ends with its time", async () => {
    const { machine, isSeen } = await announced();
    expect(await isSeen()).toBe(true);
    machine.passTime(60_000);
    expect(await isSeen()).toBe(false);
  });

  test("is refused to another user until it is over, or its process has ended", async () => {
    const { registry, project, until, announce, idle } = await announced();
    const other = await user();
    await registry.acquire(project, { holder: other });
    const announceOther = () => registry.announceRestart(project, { holder: other, until });
    expect(await announceOther()).toBe(false);
    expect(await announce(undefined)).toBe(true);
    expect(await announceOther()).toBe(true);
    expect(await announce(until)).toBe(false);
    await registry.announceRestart(project, { holder: other, until: undefined });
    expect(await announce(until)).toBe(true);
    await idle.kill();
    expect(await announceOther()).toBe(true);
  });

  test("ends with its process", async () => {
    const { idle, isSeen } = await announced();
    expect(await isSeen()).toBe(true);
    await idle.kill();
    expect(await isSeen()).toBe(false);
  });

  test("changes nothing once the holder has left", async () => {
    const { registry, restarter, project, until, announce } = await announced();
    await registry.releasePort(project, { holder: restarter });
    await announce(until);
    expect(await registry.listAll()).toEqual([]);
  });
});

describe("leaving the project's container", () => {
  test("the last user learns that it is the last, and a newcomer waits until it has released the port", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const [one, other, newcomer] = [await user(), await user(), await user()];
    const first = await registry.acquire(machine.project("a"), { holder: one });
    const joined = await registry.acquire(machine.project("a"), { holder: other });
    expect(joined.generation).toBe(first.generation);
    expect(await registry.beginLeave(machine.project("a"), { holder: one })).toEqual({ isLast: false });
    expect(await registry.beginLeave(machine.project("a"), { holder: other })).toEqual({ isLast: true });
    let hasCome = false;
    const coming = registry.acquire(machine.project("a"), { holder: newcomer }).finally(() => {
      hasCome = true;
    });
    await registry.assignPort(machine.project("b"));
    expect(hasCome).toBe(false);
    await registry.releasePort(machine.project("a"), { holder: other });
    const next = await coming;
    expect(next.assignment.port).toBe(first.assignment.port);
    expect(next.generation).not.toBe(first.generation);
  });

  test("a newcomer does not wait for a user that died while leaving", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const idle = await IdleProcess.start();
    const leaver = idle.holder("leaver", { usesContainer: true });
    const first = await registry.acquire(machine.project("a"), { holder: leaver });
    await registry.beginLeave(machine.project("a"), { holder: leaver });
    const coming = registry.acquire(machine.project("a"), { holder: await user() });
    await idle.kill();
    expect((await coming).assignment.port).toBe(first.assignment.port);
  });

  test("a newcomer does not wait for a manual holder whose remover died, and whose container stays", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const idle = await IdleProcess.start();
    const [holder, remover] = [manualHolder({ usesContainer: true }), idle.holder("remover", { usesContainer: true })];
    const first = await registry.acquire(machine.project("a"), { holder });
    machine.engine.run({ name: first.assignment.containerName });
    expect(await registry.beginLeave(machine.project("a"), { holder, remover })).toEqual({ isLast: true });
    const isWaiting = Symbol("waiting");
    const coming = registry.acquire(machine.project("a"), { holder: await user() });
    expect(await Promise.race([coming, delay(200, isWaiting)])).toBe(isWaiting);
    await idle.kill();
    expect((await coming).assignment.port).toBe(first.assignment.port);
  });

  test("two removers in place of one manual holder both count as the last", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const holder = manualHolder({ usesContainer: true });
    const [one, other] = [await user(), await user()];
    await registry.acquire(machine.project("a"), { holder });
    expect(await registry.beginLeave(machine.project("a"), { holder, remover: one })).toEqual({ isLast: true });
    const second = await registry.beginLeave(machine.project("a"), { holder, remover: other });
    expect(second).toEqual({ isLast: true, isUnrecorded: true });
    expect(await registry.releasePort(machine.project("a"), { holder: one })).toMatchObject({ status: "active" });
    expect(await registry.releasePort(machine.project("a"), { holder: other })).toMatchObject({ status: "released" });
  });

  test("a newcomer does not wait for ever for a user that removed the container and could not release the port", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const leaver = await user();
    const first = await registry.acquire(machine.project("a"), { holder: leaver });
    const container = machine.engine.run({ name: first.assignment.containerName });
    await registry.beginLeave(machine.project("a"), { holder: leaver });
    const newcomer = await user();
    const coming = registry.acquire(machine.project("a"), { holder: newcomer });
    const isWaiting = Symbol("waiting");
    await registry.assignPort(machine.project("b"));
    passLeaveTime(10_000);
    expect(await Promise.race([coming, delay(200, isWaiting)])).toBe(isWaiting);
    machine.engine.remove(container.name);
    const next = await coming;
    expect(next.assignment.port).toBe(first.assignment.port);
    expect(next.generation).not.toBe(first.generation);
    expect(await registry.releasePort(machine.project("a"), { holder: leaver })).toMatchObject({ status: "active" });
    expect((await registry.inspect(machine.project("a")))?.holders).toMatchObject([{ id: newcomer.id }]);
  });

  test.skipIf(isOnRedis)("is waited for as long by a newcomer that has waited for a port before", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    const leaver = await user();
    await registry.assignPort(machine.project("b"));
    const queued = Promise.withResolvers<void>();
    const coming = registry.acquire(machine.project("a"), {
      holder: await user(),
      waitTimeoutMs: 120_000,
      onWait: () => queued.resolve(),
    });
    coming.catch(() => {});
    await queued.promise;
    passLeaveTime(70_000);
    const { iris_ports: own, ...rest } = machine.json();
    const { assignment } = await machine.open({ registryPath: `${machine.path}.other` }).acquire(machine.project("a"), {
      holder: leaver,
    });
    const other = JSON.parse(readFileSync(`${machine.path}.other`, "utf8"));
    const [key] = Object.keys(other.iris_ports.holders);
    const holders = { [key as string]: [{ ...other.iris_ports.holders[key as string][0], leaving: true }] };
    machine.engine.run({ name: assignment.containerName });
    machine.write({
      ...rest,
      assignments: other.assignments,
      iris_ports: { ...own, holders, details: other.iris_ports.details },
    });
    await delay(300);
    machine.engine.remove(assignment.containerName);
    await registry.releasePort(machine.project("a"), { holder: leaver });
    expect((await coming).assignment.port).toBe(assignment.port);
  });

  test("of a kept container leaves the assignment to the container", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const holder = await user();
    const { assignment } = await registry.acquire(machine.project("a"), { holder });
    machine.engine.run({ name: assignment.containerName, hostPorts: [assignment.port] });
    expect(await registry.beginLeave(machine.project("a"), { holder, isContainerKept: true })).toEqual({
      isLast: true,
    });
    expect(await registry.inspect(machine.project("a"))).toMatchObject({ status: "active", holders: [] });
    machine.engine.remove(assignment.containerName);
    expect(await registry.inspect(machine.project("a"))).toMatchObject({ status: "stale" });
  });

  test("of a project without an assignment, or by a process that is not a holder, changes nothing", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    expect(await registry.beginLeave(machine.project("a"), { holder: await user() })).toMatchObject({ isLast: true });
    await registry.assignPort(machine.project("a"), { holder: await user() });
    expect(await registry.beginLeave(machine.project("a"), { holder: await user() })).toMatchObject({ isLast: false });
    expect((await registry.inspect(machine.project("a")))?.holders).toHaveLength(1);
  });
});

describe("a port that the engine refused", () => {
  test("is exchanged for another, for all processes that wait for the same container", async () => {
    const machine = await TestRegistry.create(3);
    const [first] = machine.range;
    const registry = machine.open();
    const [one, other] = [await user(), await user()];
    await registry.acquire(machine.project("a"), { holder: one });
    await registry.acquire(machine.project("a"), { holder: other });
    const moved = await registry.reassign(machine.project("a"), { holder: one, refusedPorts: [first] });
    expect(moved.assignment.port).toBe(first + 1);
    const again = await registry.reassign(machine.project("a"), { holder: other, refusedPorts: [first] });
    expect(again).toMatchObject({ generation: moved.generation, assignment: { port: first + 1 } });
    expect((await registry.inspect(machine.project("a")))?.holders.map(({ id }) => id).sort()).toEqual(
      [one.id, other.id].sort(),
    );
  });

  test("is not exchanged if it was asked for by number, or another kind of holder relies on it", async () => {
    const machine = await TestRegistry.create(3);
    const [first] = machine.range;
    const registry = machine.open();
    const holder = await user();
    await registry.acquire(machine.project("manual"), { holder, preferredPort: first });
    await listenOn(first);
    const manual = registry.reassign(machine.project("manual"), { holder, refusedPorts: [first] });
    await expect(manual).rejects.toThrow(PortConflictError);
    await expect(manual).rejects.toThrow(`process ${process.pid}`);
    await registry.acquire(machine.project("shared"), { holder });
    await registry.assignPort(machine.project("shared"), { holder: manualHolder() });
    const shared = registry.reassign(machine.project("shared"), { holder, refusedPorts: [first + 1] });
    await expect(shared).rejects.toThrow(PortConflictError);
    expect(machine.json().assignments).toHaveLength(2);
  });

  test("is not exchanged if it is an entry of the Python tool; the error says so, and how to get another port", async () => {
    const machine = await TestRegistry.create(3);
    const [first] = machine.range;
    const registry = machine.open();
    const project = machine.project("python");
    const entry = { project_path: project, port: first, assigned_at: machine.now.toISOString().slice(0, -1) };
    const more = { assignment_type: "auto", status: "active", container_name: null };
    machine.write({ schema_version: "1.0", assignments: [{ ...entry, ...more }] });
    const holder = await user();
    const { assignment } = await registry.acquire(project, { holder });
    // That tool's container may have the name of the project's, or any other.
    for (const [name, preferredPort] of [
      ["iris_db", undefined],
      ["iris_db", first],
      [assignment.containerName, first],
    ] as const) {
      machine.engine.containers = [];
      machine.engine.run({ name, hostPorts: [first] });
      const refused = registry.reassign(project, { holder, preferredPort, refusedPorts: [first] });
      await expect(refused).rejects.toMatchObject({
        code: "PORT_CONFLICT",
        what: `Port ${first} is in use by container ${name}, and project ${project} needs it.`,
        state: "The entry of this directory was made by the Python tool iris-devtester. Nothing was assigned.",
        remedy: `take a second port with an instance name: withInstance(name), --instance name; or stop and remove that container (docker stop ${name} && docker rm ${name})`,
      });
    }
    await expect(registry.assignPort(project, { preferredPort: first + 1 })).rejects.toMatchObject({
      state: expect.stringContaining("made by the Python tool iris-devtester"),
      remedy: expect.stringMatching(/^use port \d+, or take a second port .*withInstance\(name\), --instance name$/),
    });
    expect(await registry.assignPort(project, { instance: "own" })).toMatchObject({ port: first + 1 });
  });

  test("is kept if there is no other", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    const holder = await user();
    const { assignment } = await registry.acquire(machine.project("a"), { holder });
    const refused = registry.reassign(machine.project("a"), { holder, refusedPorts: [assignment.port] });
    await expect(refused).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
    expect(await registry.getAssignment(machine.project("a"))).toEqual(assignment);
  });
});
