import fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ensureFileLock } from "../../scripts/chaos-tools.ts";
import { Program } from "../helpers/processes.ts";
import { TestRegistry } from "../helpers/registry.ts";
import { repetitions, report } from "./figures.ts";

const SCRIPT = fileURLToPath(new URL("../fixtures/python_neighbour.py", import.meta.url));
const PYTHON = await ensureFileLock();
const TO_FIX = "these tests need Python's filelock: apt-get install python3-filelock, or pip install filelock";

function python(machine: TestRegistry, ...args: readonly unknown[]): Program {
  return new Program(PYTHON as string, [SCRIPT, machine.path, ...args.map(String)]);
}

function worker(machine: TestRegistry, name: string, count: number, env: Record<string, string> = {}): Program {
  return Program.node("neighbour-worker.ts", [machine.path, machine.range.join("-"), name, count], env);
}

/** As the Python tool leaves it after its first start. */
function withNeighbour(machine: TestRegistry): TestRegistry {
  machine.write({ schema_version: "1.0", assignments: [] });
  fs.writeFileSync(join(machine.directory, "port-registry.lock"), "");
  return machine;
}

test("python3-filelock is here", () => expect(PYTHON, TO_FIX).toBeDefined());

describe.runIf(PYTHON)("with the Python tool in use", () => {
  test("its writers and ours race without losing an update or giving a port twice", { timeout: 300_000 }, async () => {
    const machine = withNeighbour(await TestRegistry.create(12));
    // Its are quicker: ours start a program to take its lock.
    const [theirs, ours] = [repetitions(250, 750), repetitions(65, 200)];
    const [first, last] = machine.range;
    const programs = [
      ...["one", "two", "three"].map((name) => python(machine, name, theirs, first, last)),
      ...["four", "five", "six", "seven"].map((name) => worker(machine, name, ours)),
    ];
    const lines = (await Promise.all(programs.map((program) => program.output()))).flat();
    const violations = lines.filter((line) => line.startsWith("!"));
    const done = lines.filter((line) => line.startsWith("done")).map((line) => Number(line.split(" ")[1]));
    const operations = done.reduce((sum, count) => sum + count, 0);
    report("python neighbour", { operations, violations: violations.length });
    expect(violations.slice(0, 10)).toEqual([]);
    expect(operations).toBeGreaterThanOrEqual(repetitions(2_000, 6_000));
    expect(machine.json().assignments).toEqual([]);
  });

  test.each(["flock", "perl", "python3"])("%s is enough to wait for its lock", async (locker) => {
    const machine = withNeighbour(await TestRegistry.create(2));
    const holding = python(machine, "hold", 1);
    expect(await holding.nextLine()).toBe("held");
    const ours = worker(machine, "waiter", 1, { PATH: pathWith(machine, locker), DEBUG: "iris-ports:neighbour" });
    const [released] = (await holding.output()).slice(1);
    const [done] = await ours.output();
    expect(BigInt(String(done?.split(" ")[2]))).toBeGreaterThan(BigInt(String(released?.split(" ")[1])));
    expect((await ours.ended()).stderr).not.toMatch(/nothing on this system/);
  });

  test("if no program can take its lock, our commits are still fenced against each other, and a trace says so", async () => {
    const machine = withNeighbour(await TestRegistry.create(8));
    const holding = python(machine, "hold", 30);
    expect(await holding.nextLine()).toBe("held");
    const env = { PATH: pathWith(machine), DEBUG: "iris-ports:neighbour" };
    const programs = ["one", "two", "three"].map((name) => worker(machine, name, 30, env));
    const lines = (await Promise.all(programs.map((program) => program.output()))).flat();
    expect(lines.filter((line) => line.startsWith("!"))).toEqual([]);
    for (const program of programs)
      expect((await program.ended()).stderr).toMatch(/nothing on this system can take the Python tool's lock/);
    expect(holding.isRunning).toBe(true);
    expect(machine.json()).toMatchObject({ assignments: [], iris_ports: { revision: 180 } });
  });

  test("a lock that it keeps for longer than we wait is named in the error", async () => {
    const machine = withNeighbour(await TestRegistry.create(2));
    const holding = python(machine, "hold", 30);
    expect(await holding.nextLine()).toBe("held");
    await expect(machine.open({ lockTimeoutMs: 1_000 }).assignPort(machine.project("a"))).rejects.toMatchObject({
      code: "PORT_ASSIGNMENT_TIMEOUT",
      lockPath: join(machine.directory, "port-registry.lock"),
    });
  });
});

/** A PATH with this command and no other. */
function pathWith(machine: TestRegistry, command?: string): string {
  const directory = fs.mkdtempSync(join(machine.directory, "bin-"));
  if (command !== undefined) {
    const path = [`/usr/bin/${command}`, `/bin/${command}`, `/usr/local/bin/${command}`].find((it) =>
      fs.existsSync(it),
    );
    fs.symlinkSync(path as string, join(directory, command));
  }
  return directory;
}
