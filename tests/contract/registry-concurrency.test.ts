import fs from "node:fs";
import { describe, expect, test } from "vitest";
import { PortAssignmentTimeoutError } from "../../src/errors/errors.ts";
import { uniqueProcessHolder } from "../../src/registry/holder.ts";
import { wideRange } from "../helpers/free-ports.ts";
import { Program } from "../helpers/processes.ts";
import { isOnRedis, TestRegistry } from "../helpers/registry.ts";

type Outcome = { project: string; port?: number; error?: { code: string } };

async function outcomes(program: Program): Promise<Outcome[]> {
  return (await program.output()).map((line) => JSON.parse(line));
}

const projects = (count: number, name = "p") => Array.from({ length: count }, (_, index) => `/${name}/${index}`);

describe("R6: any number at once get distinct ports", () => {
  test("12 processes, and 20 calls in this one, of projects of their own", async () => {
    const machine = await TestRegistry.create(1);
    const range = wideRange();
    const programs = Array.from({ length: 12 }, (_, index) =>
      Program.node("assigner.ts", [
        machine.path,
        range.join("-"),
        ...projects(3, `process-${index}`),
        "--stay",
        "--lock",
        50_000,
      ]),
    );
    const registry = machine.open({ portRange: range, lockTimeoutMs: 50_000 });
    const own = await Promise.all(projects(20).map((project) => registry.assignPort(project)));
    const lines = await Promise.all(programs.flatMap((program) => [1, 2, 3].map(() => program.nextLine())));
    const others: Outcome[] = lines.map((line) => JSON.parse(String(line)));
    expect(others.map(({ error }) => error?.code).filter(Boolean)).toEqual([]);
    const ports = [...own, ...others].map(({ port }) => port);
    expect(new Set(ports).size).toBe(12 * 3 + 20);
    expect(machine.json().assignments).toHaveLength(12 * 3 + 20);
  });

  test("12 processes of one project share its port", async () => {
    const machine = await TestRegistry.create(3);
    const programs = Array.from({ length: 12 }, () =>
      Program.node("assigner.ts", [machine.path, machine.range.join("-"), "/shared", "--stay"]),
    );
    const lines = await Promise.all(programs.map((program) => program.nextLine()));
    expect(new Set(lines)).toEqual(new Set([JSON.stringify({ project: "/shared", port: machine.range[0] })]));
    expect(machine.json().iris_ports.holders["/shared"]).toHaveLength(12);
  });

  test("100 calls in one process of one project make one assignment with all their holders", async () => {
    const machine = await TestRegistry.create(3);
    const registry = machine.open({ lockTimeoutMs: 20_000 });
    const calls = Array.from({ length: 100 }, async () =>
      registry.assignPort(machine.project("a"), { holder: await uniqueProcessHolder() }),
    );
    expect(new Set((await Promise.all(calls)).map(({ port }) => port)).size).toBe(1);
    expect((await registry.inspect(machine.project("a")))?.holders).toHaveLength(100);
  });
});

describe("R13: many processes contending", () => {
  /** Each with the budget of a machine that is busy with other tests. */
  const contend = (machine: TestRegistry, range: readonly number[], count: number, ...more: readonly unknown[]) =>
    Promise.all(
      projects(count).map((project) =>
        outcomes(Program.node("assigner.ts", [machine.path, range.join("-"), project, "--lock", 200_000, ...more])),
      ),
    );

  test("50 at once all get a port of their own", async () => {
    const machine = await TestRegistry.create(1);
    const done = (await contend(machine, wideRange(), 50)).flat();
    expect(done.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(new Set(done.map(({ port }) => port)).size).toBe(50);
  });

  test("12 at once share 3 ports by waiting for each other", async () => {
    const machine = await TestRegistry.create(3);
    const done = (await contend(machine, machine.range, 12, "--wait", 200_000, "--release")).flat();
    expect(done.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(done).toHaveLength(12);
    expect(machine.json().assignments).toEqual([]);
    expect(machine.json().iris_ports).toMatchObject({ holders: {}, waiters: [] });
  });
});

describe.skipIf(isOnRedis)("R12: a lock that is not obtained in time", () => {
  test("is an error that names the registry, the lock and its owner; nothing is changed", async () => {
    const machine = await TestRegistry.create(2);
    await machine.open().assignPort(machine.project("a"));
    const before = fs.readFileSync(machine.path);
    const owner = Program.node("committer.ts", [machine.path, "owner", 1, "read:SIGSTOP:1", 1]);
    expect(await owner.nextLine()).toBe("stop read");
    const refused = machine.open({ lockTimeoutMs: 150 }).assignPort(machine.project("b"));
    await expect(refused).rejects.toThrow(PortAssignmentTimeoutError);
    await expect(refused).rejects.toMatchObject({
      code: "PORT_ASSIGNMENT_TIMEOUT",
      registryPath: machine.path,
      lockPath: `${machine.path}.lock`,
      timeoutMs: 150,
      lockOwner: expect.stringContaining(`process ${owner.child.pid} `),
    });
    await expect(refused).rejects.toThrow(/To fix: .*rmdir/);
    expect(fs.readFileSync(machine.path)).toEqual(before);
    // Reading needs no lock.
    expect(await machine.open().listAll()).toHaveLength(1);
  });

  test("does not prevent joining and releasing, which need no lock", async () => {
    const machine = await TestRegistry.create(2);
    const registry = machine.open({ lockTimeoutMs: 150 });
    for (const name of ["a", "b"]) await registry.assignPort(machine.project(name));
    fs.mkdirSync(`${machine.path}.lock`);
    const holder = await uniqueProcessHolder();
    expect((await registry.assignPort(machine.project("a"), { holder })).port).toBe(machine.range[0]);
    expect((await registry.releasePort(machine.project("b"))).status).toBe("released");
    await expect(registry.assignPort(machine.project("c"))).rejects.toThrow(PortAssignmentTimeoutError);
    expect(machine.json().iris_ports.holders[machine.project("a")]).toHaveLength(2);
  });

  test("does not end the wait of a caller with a longer time-out", async () => {
    const machine = await TestRegistry.create(2);
    const gate = Promise.withResolvers<boolean>();
    const slow = machine.open({ probe: () => gate.promise }).assignPort(machine.project("a"));
    while (!fs.existsSync(`${machine.path}.lock`)) await new Promise((resolve) => setImmediate(resolve));
    const impatient = machine.open({ lockTimeoutMs: 50 });
    const waiting = impatient.assignPort(machine.project("b"), { waitTimeoutMs: 30_000 });
    await expect(impatient.assignPort(machine.project("c"))).rejects.toThrow(PortAssignmentTimeoutError);
    await expect(impatient.assignPort(machine.project("c"), { waitTimeoutMs: 150 })).rejects.toThrow(
      PortAssignmentTimeoutError,
    );
    gate.resolve(true);
    const ports = [(await slow).port, (await waiting).port];
    expect(ports.sort()).toEqual([...machine.range]);
  });

  test("is reported in time to several waiters of one process", async () => {
    const machine = await TestRegistry.create(2);
    const gate = Promise.withResolvers<boolean>();
    const slow = machine.open({ probe: () => gate.promise });
    const first = slow.assignPort(machine.project("a"));
    while (!fs.existsSync(`${machine.path}.lock`)) await new Promise((resolve) => setImmediate(resolve));
    const impatient = machine.open({ lockTimeoutMs: 100 });
    const refused = await Promise.allSettled(["b", "c"].map((name) => impatient.assignPort(machine.project(name))));
    expect(refused.map((result) => result.status)).toEqual(["rejected", "rejected"]);
    gate.resolve(true);
    expect((await first).port).toBe(machine.range[0]);
    expect((await impatient.assignPort(machine.project("b"))).port).toBe(machine.range[0] + 1);
  });

  test("does not come from an owner that died: its lock is taken over", async () => {
    const machine = await TestRegistry.create(2);
    const owner = Program.node("committer.ts", [machine.path, "owner", 1, "read:SIGKILL:1", 1]);
    await owner.ended();
    expect(fs.existsSync(`${machine.path}.lock`)).toBe(true);
    expect((await machine.open().assignPort(machine.project("a"))).port).toBe(machine.range[0]);
  });

  test("nor does it come from a lock whose time is in the future because a clock was set back", async () => {
    const machine = await TestRegistry.create(2);
    await machine.open().assignPort(machine.project("a"));
    fs.mkdirSync(`${machine.path}.lock`);
    const tomorrow = Date.now() / 1_000 + 86_400;
    fs.utimesSync(`${machine.path}.lock`, tomorrow, tomorrow);
    expect((await machine.open({ lockTimeoutMs: 10_000 }).assignPort(machine.project("b"))).port).toBe(
      machine.range[0] + 1,
    );
  });
});
