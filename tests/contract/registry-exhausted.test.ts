import { describe, expect, test, vi } from "vitest";
import { PortExhaustedError } from "../../src/registry/errors.ts";
import { manualHolder, processHolder } from "../../src/registry/holder.ts";
import type { PortRegistry } from "../../src/registry/registry.ts";
import type { WaiterRecord } from "../../src/stores/document.ts";
import { listenOn } from "../helpers/listener.ts";
import { IdleProcess, Program } from "../helpers/processes.ts";
import { TestRegistry } from "../helpers/registry.ts";

const WAIT = { waitTimeoutMs: 15_000 };

describe("R4: when all ports are taken", () => {
  test("the error lists assignments, other occupants, free ports outside, and what to do", async () => {
    const machine = await TestRegistry.create(6);
    const [first, last] = machine.range;
    const registry = machine.open({ portRange: [first, first + 3] });
    await registry.assignPort(machine.project("a"), { preferredPort: first + 1 });
    await registry.assignPort(machine.project("b"), { instance: "two", holder: manualHolder() });
    machine.engine.run({ name: "stranger", hostPorts: [first + 2] });
    await listenOn(first + 3);
    const error = await registry.assignPort(machine.project("c")).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(PortExhaustedError);
    expect(error).toMatchObject({
      code: "PORT_EXHAUSTED",
      portRange: [first, first + 3],
      assignments: [{ port: first, instance: "two" }, { port: first + 1 }],
      occupants: [
        { kind: "container", port: first + 2, name: "stranger" },
        { kind: "listener", port: first + 3, name: expect.stringContaining(`process ${process.pid}`) },
      ],
    });
    const { message, freeOutside } = error as PortExhaustedError;
    expect(freeOutside.slice(0, 2)).toEqual([first + 4, last]);
    expect(message).toContain(`${machine.project("b")}#two: manual`);
    expect(message).toContain(`IRIS_PORT_RANGE=${first}-${first + 4}`);
    expect(message).toContain(`To fix: `);
    // Not the one that a living process holds.
    expect(message).toContain(`iris-ports release ${machine.project("b")} --instance two`);
    expect(message).not.toContain(`iris-ports release ${machine.project("a")}`);
  });

  test("the error says how to stop an IRIS, whose container would keep a released port, unless another port is kept without one", async () => {
    const machine = await TestRegistry.create(2);
    const registry = machine.open();
    const exhausted = () => registry.assignPort(machine.project("c")).catch(({ remedy }) => remedy);
    for (const name of ["a", "b"]) {
      const { containerName, port } = await registry.assignPort(machine.project(name), { holder: manualHolder() });
      machine.engine.run({ name: containerName, hostPorts: [port] });
    }
    expect(await exhausted()).toContain(`stop an IRIS (npx iris-ports down ${machine.project("a")} --registry `);
    machine.engine.containers.pop();
    expect(await exhausted()).toContain(`release one (npx iris-ports release ${machine.project("b")} --registry `);
  });

  test("stale assignments are cleaned first, and their ports assigned", async () => {
    const machine = await TestRegistry.create(1);
    const idle = await IdleProcess.start();
    await machine.open().assignPort(machine.project("dead"), { holder: idle.holder() });
    await idle.kill();
    expect((await machine.open().assignPort(machine.project("a"))).port).toBe(machine.range[0]);
    expect(await machine.open().getAssignment(machine.project("dead"))).toBeUndefined();
  });

  test("an engine that does not answer is not asked again and again, and does not keep callers out of the queue", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    await registry.assignPort(machine.project("a"));
    machine.engine.isReachable = false;
    const { timesListed } = machine.engine;
    await expect(registry.assignPort(machine.project("b"))).rejects.toThrow(PortExhaustedError);
    expect(machine.engine.timesListed).toBe(timesListed + 1);
    const places: number[] = [];
    const onWait = ({ position }: { position: number }) => void places.push(position);
    const waiting = registry.assignPort(machine.project("b"), { waitTimeoutMs: 30_000, onWait });
    await expect.poll(() => places).toContain(1);
    await registry.releasePort(machine.project("a"));
    expect((await waiting).port).toBe(machine.range[0]);
  });

  test("after a wait the error says how long it was, and has one remedy, which is not to wait as long again", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    await registry.assignPort(machine.project("a"));
    machine.engine.isReachable = false;
    const error = await registry.assignPort(machine.project("b"), { waitTimeoutMs: 1_000 }).catch((cause) => cause);
    expect(error).toMatchObject({
      what: expect.stringMatching(/ are taken, also after a wait of [1-9]\d* s\.$/),
      state: expect.stringMatching(/nothing counts as stale: The engine is down\.$/m),
      remedy: expect.stringMatching(/, or wait longer \(--wait, waitTimeoutMs\)$/),
    });
    expect(error.message.match(/To fix/g)).toHaveLength(1);
  });

  test("nothing is written, and no waiter is left in the queue", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    await registry.assignPort(machine.project("a"));
    const before = machine.json();
    for (const waitTimeoutMs of [0, 1, 200])
      await expect(registry.assignPort(machine.project("b"), { waitTimeoutMs })).rejects.toThrow(PortExhaustedError);
    expect(machine.json().assignments).toEqual(before.assignments);
    expect(machine.json().iris_ports.waiters).toEqual([]);
  });
});

describe("R14: the queue", () => {
  /** A waiter that has its place in the queue before this returns. */
  async function waiter(
    registry: PortRegistry,
    project: string,
    options: { portRange?: unknown; waitTimeoutMs?: number } = {},
  ) {
    const positions: number[] = [];
    const queued = Promise.withResolvers<void>();
    const holder = await processHolder({ id: `waiter ${Math.random()}` });
    const assignment = registry.assignPort(project, {
      ...WAIT,
      ...options,
      holder,
      onWait: ({ position }) => {
        positions.push(position);
        queued.resolve();
      },
    });
    await Promise.race([queued.promise, assignment]);
    return { assignment, positions };
  }

  /** A port that one project holds, for which two others wait. */
  async function contestedPort() {
    const machine = await TestRegistry.create(1);
    await machine.open().assignPort(machine.project("a"));
    const first = await waiter(machine.open(), machine.project("b"));
    const second = await waiter(machine.open(), machine.project("c"));
    /** Releases the port twice; whenever a newcomer asks, there is a waiter before it. */
    const serve = async () => {
      const registry = machine.open();
      const served: string[] = [];
      for (const { assignment } of [first, second]) void assignment.then(({ projectPath }) => served.push(projectPath));
      await registry.releasePort(machine.project("a"));
      await expect(registry.assignPort(machine.project("newcomer"))).rejects.toThrow(PortExhaustedError);
      await first.assignment;
      await registry.releasePort(machine.project("b"));
      await second.assignment;
      return served;
    };
    return { machine, first, second, serve };
  }

  test("gives a released port to waiters in the order of arrival, not to newcomers", async () => {
    const { machine, first, second, serve } = await contestedPort();
    expect([first.positions[0], second.positions[0]]).toEqual([1, 2]);
    expect(await serve()).toEqual([machine.project("b"), machine.project("c")]);
  });

  test("keeps the places if the clock is set forward past their end", async () => {
    const { machine, serve } = await contestedPort();
    machine.passTime(86_400_000);
    const ends = () =>
      machine.json().iris_ports.waiters.map(({ holder }: WaiterRecord) => Date.parse(`${holder.expires_at}`));
    await expect.poll(() => ends().every((end: number) => end > machine.now.getTime())).toBe(true);
    expect(await serve()).toEqual([machine.project("b"), machine.project("c")]);
  });

  test("several waiters of one project reserve one port, and share it", async () => {
    const machine = await TestRegistry.create(2);
    const registry = machine.open();
    await registry.assignPort(machine.project("a"));
    await registry.assignPort(machine.project("b"));
    const waiters = [];
    for (let index = 0; index < 3; index++) waiters.push(await waiter(machine.open(), machine.project("team")));
    // Both at once, as a document that another program wrote: the team needs one of them, a newcomer gets the other.
    const { iris_ports } = machine.json();
    machine.write({ schema_version: "1.0", assignments: [], iris_ports: { ...iris_ports, holders: {}, details: {} } });
    const newcomer = await registry.assignPort(machine.project("newcomer"));
    const ports = new Set((await Promise.all(waiters.map(({ assignment }) => assignment))).map(({ port }) => port));
    expect(ports.size).toBe(1);
    expect(ports).not.toContain(newcomer.port);
  });

  test("a place ends with the waiting process, whatever the holder", async () => {
    const machine = await TestRegistry.create(1);
    const [port] = machine.range;
    const dead = await IdleProcess.start();
    await dead.kill();
    const registry = machine.open();
    await registry.assignPort(machine.project("a"));
    const waiting = await waiter(machine.open(), machine.project("b"));
    const { iris_ports, ...rest } = machine.json();
    expect(iris_ports.waiters).toMatchObject([{ holder: { kind: "process", process: { pid: process.pid } } }]);
    const gone = { ...iris_ports.waiters[0], id: "gone", project: "/gone" };
    gone.holder = { ...gone.holder, process: { ...gone.holder.process, pid: dead.identity.pid } };
    machine.write({ ...rest, iris_ports: { ...iris_ports, waiters: [gone, ...iris_ports.waiters] } });
    await registry.releasePort(machine.project("a"));
    expect((await waiting.assignment).port).toBe(port);
    expect(machine.json().iris_ports.waiters).toEqual([]);
  });

  test("a manual holder's place ends as well, because the waiting process counts", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    await registry.assignPort(machine.project("a"));
    const queued = Promise.withResolvers<void>();
    const onWait = () => queued.resolve();
    const assignment = registry.assignPort(machine.project("b"), { ...WAIT, holder: manualHolder(), onWait });
    await queued.promise;
    const [place] = machine.json().iris_ports.waiters;
    expect(place.holder).toMatchObject({ kind: "process", process: { pid: process.pid } });
    expect(Date.parse(place.holder.expires_at) - machine.now.getTime()).toBeGreaterThan(0);
    await registry.releasePort(machine.project("a"));
    await assignment;
  });

  test("a caller that gives up with its own error leaves no place behind", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    await registry.assignPort(machine.project("a"));
    const onWait = () => {
      throw new Error("the caller's own");
    };
    await expect(registry.assignPort(machine.project("b"), { ...WAIT, onWait })).rejects.toThrow("the caller's own");
    expect(machine.json().iris_ports.waiters).toEqual([]);
  });

  test("a caller that could not leave the queue after its time-out keeps no waiter waiting, although its process lives", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    await registry.assignPort(machine.project("a"));
    const waiting = await waiter(machine.open(), machine.project("b"));
    const { waiters } = machine.json().iris_ports;
    await registry.releasePort(machine.project("a"));
    await waiting.assignment;
    await registry.releasePort(machine.project("b"));
    const { iris_ports, ...rest } = machine.json();
    machine.write({ ...rest, iris_ports: { ...iris_ports, waiters } });
    const timesListed = machine.engine.timesListed;
    machine.passTime(WAIT.waitTimeoutMs + 10_000);
    expect((await registry.assignPort(machine.project("c"))).port).toBe(machine.range[0]);
    expect(machine.engine.timesListed).toBe(timesListed + 1);
  });

  test("skips waiters that do not take the ports reserved for them, e.g. because they are suspended", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    await registry.assignPort(machine.project("a"));
    const args = [machine.path, machine.range.join("-"), machine.project("b"), "--wait", 60_000];
    const suspended = Program.node("assigner.ts", args);
    await expect.poll(() => machine.json().iris_ports.waiters, { timeout: 30_000 }).toHaveLength(1);
    suspended.child.kill("SIGSTOP");
    const waiting = await waiter(machine.open(), machine.project("c"));
    await registry.releasePort(machine.project("a"));
    expect((await waiting.assignment).port).toBe(machine.range[0]);
    await registry.releasePort(machine.project("c"));
    expect((await registry.assignPort(machine.project("newcomer"))).port).toBe(machine.range[0]);
    await registry.releasePort(machine.project("newcomer"));
    suspended.child.kill("SIGCONT");
    expect(JSON.parse(String(await suspended.nextLine()))).toMatchObject({ port: machine.range[0] });
  });

  test("a refusal counts the ports that are reserved for more waiters than one can wait for", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    // A manual hold, which is not restored in a document that another program has written.
    await registry.assignPort(machine.project("a"), { holder: manualHolder() });
    const waiting = await waiter(machine.open(), machine.project("b"));
    const [place] = machine.json().iris_ports.waiters;
    await registry.releasePort(machine.project("a"));
    await waiting.assignment;
    await registry.releasePort(machine.project("b"));
    // Of the newest version: an older one would be a loss of data on a server.
    const { iris_ports, ...rest } = machine.json();
    const waiters = [1, 2, 3, 4, 5].map((id) => ({ ...place, id: `${id}`, project: `/${id}` }));
    machine.write({ ...rest, assignments: [], iris_ports: { ...iris_ports, holders: {}, details: {}, waiters } });
    const refused = registry.assignPort(machine.project("c"));
    await expect(refused).rejects.toMatchObject({ code: "PORT_EXHAUSTED", assignments: [] });
    await expect(refused).rejects.toThrow(/taken or reserved[\s\S]*reserved for earlier waiters: 1/);
  });

  test("a caller whose time-out ends tries once more before giving up", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    await registry.assignPort(machine.project("a"));
    const { now } = performance;
    const onWait = () => {
      const { iris_ports, ...rest } = machine.json();
      machine.write({ ...rest, assignments: [], iris_ports: { ...iris_ports, holders: {}, details: {} } });
      vi.spyOn(performance, "now").mockImplementation(() => now.call(performance) + 3_600_000);
    };
    try {
      const assignment = await registry.assignPort(machine.project("b"), { ...WAIT, onWait });
      expect(assignment.port).toBe(machine.range[0]);
    } finally {
      vi.restoreAllMocks();
    }
  });

  test("reserves a preferred port for its waiter, even against callers that ask for it by number", async () => {
    const machine = await TestRegistry.create(2);
    const [port] = machine.range;
    const registry = machine.open();
    await registry.assignPort(machine.project("a"), { preferredPort: port });
    const queued = Promise.withResolvers<void>();
    const onWait = () => queued.resolve();
    const waiting = machine.open().assignPort(machine.project("b"), { ...WAIT, preferredPort: port, onWait });
    await queued.promise;
    await registry.releasePort(machine.project("a"));
    const refused = registry.assignPort(machine.project("c"), { preferredPort: port });
    await expect(refused).rejects.toMatchObject({ code: "PORT_CONFLICT", port });
    await expect(refused).rejects.toThrow(`${machine.project("b")}`);
    expect(await waiting).toMatchObject({ port, assignmentType: "manual" });
  });

  test("waiters for ports of another range do not matter", async () => {
    const machine = await TestRegistry.create(4);
    const [first] = machine.range;
    const registry = machine.open({ portRange: [first, first + 1] });
    await registry.assignPort(machine.project("a"));
    const narrow = machine.open({ portRange: [first, first] });
    const waiting = await waiter(narrow, machine.project("b"));
    expect((await registry.assignPort(machine.project("c"))).port).toBe(first + 1);
    await registry.releasePort(machine.project("a"));
    expect((await waiting.assignment).port).toBe(first);
  });

  test("a wide range is not probed completely because of one waiter", async () => {
    const machine = await TestRegistry.create(1);
    let probes = 0;
    const probe = async () => {
      probes++;
      return true;
    };
    await machine.open().assignPort(machine.project("a"));
    const waiting = await waiter(machine.open(), machine.project("b"));
    await machine.open({ portRange: [40_000, 49_999], probe }).assignPort(machine.project("c"));
    expect(probes).toBeLessThan(10);
    await machine.open().releasePort(machine.project("a"));
    await waiting.assignment;
  });

  test("a wait ends in time with the same error", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    await registry.assignPort(machine.project("a"));
    const outcome = registry.assignPort(machine.project("b"), { waitTimeoutMs: 300 });
    await expect(outcome).rejects.toBeInstanceOf(PortExhaustedError);
  });
});
