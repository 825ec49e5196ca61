import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import type { Holder, ProcessIdentity } from "../../src/registry/holder.ts";
import { jobHolder, manualHolder, processText, uniqueProcessHolder } from "../../src/registry/holder.ts";
import { type DirectoryIdentity, identifyDirectory } from "../../src/registry/host/directory-identity.ts";
import {
  LABEL_CREATOR_PROCESS,
  LABEL_GENERATION,
  LABEL_INSTANCE,
  LABEL_LIFETIME,
  LABEL_PROJECT,
  LABEL_REGISTRY,
} from "../../src/registry/labels.ts";
import { listenOn } from "../helpers/listener.ts";
import { IdleProcess, Program } from "../helpers/processes.ts";
import { isOnRedis, TestRegistry } from "../helpers/registry.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The status of an assignment with this holder as its only evidence. */
async function fate(machine: TestRegistry, holder: Holder): Promise<"kept" | "stale"> {
  await machine.open().assignPort(machine.project("held"), { holder });
  const removed = await machine.open().cleanupStale();
  expect(removed.every(({ status }) => status === "stale")).toBe(true);
  return removed.some(({ projectPath }) => projectPath === machine.project("held")) ? "stale" : "kept";
}

test.skipIf(isOnRedis)("R8: a cleaning takes no lock if nothing is stale", async () => {
  const machine = await TestRegistry.create();
  const idle = await IdleProcess.start();
  await machine.open().assignPort(machine.project("held"), { holder: idle.holder() });
  mkdirSync(`${machine.path}.lock`);
  const registry = machine.open({ lockTimeoutMs: 200 });
  expect(await registry.cleanupStale()).toEqual([]);
  await idle.kill();
  await expect(registry.cleanupStale()).rejects.toMatchObject({ code: "PORT_ASSIGNMENT_TIMEOUT" });
});

describe("S1: a process holder", () => {
  test("keeps its assignment while it runs, and no longer", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    expect(await fate(machine, idle.holder())).toBe("kept");
    await idle.kill();
    expect(await fate(machine, idle.holder())).toBe("stale");
    expect(machine.json().assignments).toEqual([]);
  });

  test.each<[string, Partial<ProcessIdentity>, "kept" | "stale"]>([
    ["whose pid was given to another process is gone", { startTime: "1" }, "stale"],
    ["of an earlier boot is gone", { bootId: "00000000-0000-0000-0000-000000000000" }, "stale"],
    ["of an unknown boot cannot be judged", { bootId: "unknown", startTime: "1" }, "kept"],
    ["in an unknown pid namespace cannot be judged", { pidNamespace: "unknown", startTime: "1" }, "kept"],
    ["on another host cannot be judged", { host: "elsewhere", bootId: "other", startTime: "1" }, "kept"],
    ["of an unknown start time cannot be judged", { startTime: "unknown" }, "kept"],
  ])("%s", async (_, change, expected) => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const holder = idle.holder();
    expect(await fate(machine, { ...holder, process: { ...holder.process, ...change } })).toBe(expected);
  });

  test("that cannot be observed is gone once it has expired; one that is seen to run is not", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const expiresAt = new Date(machine.now.getTime() + MINUTE);
    const seen = idle.holder("seen", { expiresAt });
    const unseen: Holder = {
      ...seen,
      id: "unseen",
      process: { ...seen.process, host: "elsewhere", bootId: "elsewhere" },
    };
    expect(await fate(machine, unseen)).toBe("kept");
    machine.passTime(MINUTE);
    expect(await fate(machine, unseen)).toBe("stale");
    expect(await fate(machine, seen)).toBe("kept");
  });

  test("is recognised by its boot, whatever the host's present name", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const holder = idle.holder("moved");
    const moved: Holder = { ...holder, process: { ...holder.process, host: "another-network" } };
    expect(await fate(machine, moved)).toBe("kept");
    await idle.kill();
    expect(await fate(machine, moved)).toBe("stale");
  });

  test("that ended but was not waited for (a zombie) is gone", async () => {
    const machine = await TestRegistry.create();
    // The parent lives on and never asks how its child ended.
    const parent = new Program("python3", ["-c", ZOMBIE_PARENT]);
    const pid = Number(await parent.nextLine());
    const idle = await IdleProcess.start();
    const { identifyProcess } = await import("../../src/registry/host/process-identity.ts");
    const { startTime } = await identifyProcess(pid);
    const [, seen] = [await parent.nextLine(), await parent.nextLine()];
    const holder = idle.holder("zombie");
    expect(startTime === "unknown").toBe(false);
    expect(await fate(machine, { ...holder, process: { ...holder.process, pid, startTime: String(seen) } })).toBe(
      "stale",
    );
  });

  test("that is gone is dropped at every assignment, without asking the engine", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const registry = machine.open();
    await registry.assignPort(machine.project("a"), { holder: idle.holder() });
    await registry.assignPort(machine.project("a"), { holder: manualHolder() });
    await registry.assignPort(machine.project("b"), { holder: idle.holder() });
    await registry.assignPort(machine.project("b"), { holder: manualHolder() });
    await idle.kill();
    const { timesListed } = machine.engine;
    await registry.assignPort(machine.project("a"), { holder: manualHolder() });
    expect(Object.values(machine.json().iris_ports.holders).flat()).toMatchObject([{ id: "manual" }, { id: "manual" }]);
    expect(machine.engine.timesListed).toBe(timesListed);
  });
});

const ZOMBIE_PARENT = `
import os, sys, time
pid = os.fork()
if pid == 0:
    os._exit(0)
def stat():
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()
while stat()[0] != "Z":
    pass
print(pid, flush=True)
print("zombie", flush=True)
print(stat()[19], flush=True)
time.sleep(600)
`;

describe("S2: other holders", () => {
  test("a job lives as long as its worker process", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const job = jobHolder({ id: "job", process: idle.identity, expiresAt: new Date(0) });
    expect(await fate(machine, job)).toBe("kept");
    await idle.kill();
    expect(await fate(machine, job)).toBe("stale");
  });

  test("a job whose worker cannot be observed lives until it expires, one without a time for ever", async () => {
    const machine = await TestRegistry.create();
    const job = jobHolder({ id: "job", expiresAt: new Date(machine.now.getTime() + MINUTE) });
    expect(await fate(machine, job)).toBe("kept");
    machine.passTime(MINUTE + 1);
    expect(await fate(machine, job)).toBe("stale");
    expect(await fate(machine, jobHolder({ id: "timeless" }))).toBe("kept");
    machine.passTime(1_000 * 24 * 60 * MINUTE);
    expect(await machine.open().cleanupStale()).toEqual([]);
  });

  test("a manual holder with a time ends at that time", async () => {
    const machine = await TestRegistry.create();
    const holder = manualHolder({ expiresAt: new Date(machine.now.getTime() + MINUTE) });
    expect(await fate(machine, holder)).toBe("kept");
    machine.passTime(MINUTE);
    expect(await fate(machine, holder)).toBe("stale");
  });

  test("a manual holder ends with its directory", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const [kept, deleted] = [machine.project("kept"), machine.project("deleted/below")];
    for (const project of [kept, deleted])
      await registry.assignPort(project, { holder: manualHolder({ directory: await present(project) }) });
    expect(await registry.cleanupStale()).toEqual([]);
    rmSync(dirname(deleted), { recursive: true });
    expect(await registry.cleanupStale()).toMatchObject([{ projectPath: deleted }]);
  });

  test("a missing directory proves nothing if it was on another file system, or another machine", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const unmounted = { ...(await present(machine.project("unmounted"))), device: -1 };
    const elsewhere = { ...(await present(machine.project("elsewhere"))), host: "another" };
    for (const directory of [unmounted, elsewhere]) {
      await registry.assignPort(directory.path, { holder: manualHolder({ directory }) });
      rmSync(directory.path, { recursive: true });
    }
    expect(await registry.cleanupStale()).toEqual([]);
    expect((await registry.listAll()).map(({ evidence }) => evidence[0]?.verdict)).toEqual(["unknown", "unknown"]);
  });

  test("a manual holder without a time or a directory holds until it is released", async () => {
    const machine = await TestRegistry.create();
    expect(await fate(machine, manualHolder())).toBe("kept");
    machine.passTime(1_000 * 24 * 60 * MINUTE);
    expect(await machine.open().cleanupStale()).toEqual([]);
  });
});

async function present(path: string): Promise<DirectoryIdentity> {
  return (await identifyDirectory(path)) ?? expect.fail(`${path} does not exist`);
}

describe("S3: a container", () => {
  test.each(["created", "running", "paused", "restarting", "removing", "exited", "dead"])(
    "in state %s speaks for the assignment, by its name or its labels",
    async (state) => {
      const machine = await TestRegistry.create();
      const registry = machine.open();
      const idle = await IdleProcess.start();
      const a = await registry.assignPort(machine.project("a"), { holder: idle.holder() });
      await registry.assignPort(machine.project("b"), { instance: "two", holder: idle.holder() });
      machine.engine.run({ name: a.containerName, state });
      const labels = { [LABEL_PROJECT]: machine.project("b"), [LABEL_INSTANCE]: "two" };
      machine.engine.run({ name: "renamed", state, labels });
      await idle.kill();
      expect(await registry.cleanupStale()).toEqual([]);
      machine.engine.remove(a.containerName);
      machine.engine.remove("renamed");
      expect(await registry.cleanupStale()).toMatchObject([{ projectPath: a.projectPath }, { instance: "two" }]);
    },
  );

  test("of another engine cannot be judged by this one", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    await idle.kill();
    const { endpoint, id } = machine.engine;
    Object.assign(machine.engine, { endpoint: "tcp://build-host:2376", id: "ANOTHER:ENGINE" });
    expect(await machine.open().cleanupStale()).toEqual([]);
    Object.assign(machine.engine, { endpoint, id });
    expect(await machine.open().cleanupStale()).toHaveLength(1);
  });

  test("of another engine cannot be judged, but the project gets another port if another program has its port by now", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const { port } = await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    await machine.open().assignPort(machine.project("b"), { holder: idle.holder(), preferredPort: port + 1 });
    await idle.kill();
    Object.assign(machine.engine, { endpoint: "tcp://build-host:2376", id: "ANOTHER:ENGINE" });
    expect((await machine.open().assignPort(machine.project("a"))).port).toBe(port);
    await listenOn(port + 1);
    expect((await machine.open().assignPort(machine.project("b"))).port).toBe(port + 1);
  });

  test("that was made and left by its user after the engine was asked is not missed", async () => {
    const machine = await TestRegistry.create();
    const holder = await uniqueProcessHolder({ usesContainer: true });
    const { assignment } = await machine.open().acquire(machine.project("a"), { holder });
    machine.engine.onListed = async () => {
      machine.engine.onListed = () => {};
      machine.engine.run({ name: assignment.containerName, hostPorts: [assignment.port] });
      await machine.open().beginLeave(machine.project("a"), { holder, isContainerKept: true });
    };
    expect(await machine.open().cleanupStale()).toEqual([]);
    expect(await machine.open().inspect(machine.project("a"))).toMatchObject({ status: "active", holders: [] });
    machine.engine.remove(assignment.containerName);
    expect(await machine.open().cleanupStale()).toMatchObject([{ port: assignment.port }]);
  });

  test("of an engine that does not answer cannot be judged", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    await machine.open().assignPort(machine.project("a"), { holder: idle.holder() });
    await idle.kill();
    machine.engine.isReachable = false;
    expect(await machine.open().cleanupStale()).toEqual([]);
    expect(await machine.openWithoutEngine().cleanupStale()).toEqual([]);
  });
});

describe("S4: an entry of the Python tool", () => {
  /** As that tool writes it where the time zone is UTC: six keys, local time without an offset. */
  function writeForeign(machine: TestRegistry, ageMs: number, containerName: string | null = null) {
    machine.now = new Date();
    const entry = {
      project_path: machine.project("python"),
      port: machine.range[0],
      assigned_at: new Date(machine.now.getTime() - ageMs).toISOString().replace("Z", "456"),
      assignment_type: "auto",
      status: "active",
      container_name: containerName,
    };
    machine.write({ schema_version: "1.0", assignments: [entry] });
    return entry;
  }

  test("is kept while it is younger than 15 minutes", async () => {
    const machine = await TestRegistry.create();
    writeForeign(machine, 14.9 * MINUTE);
    expect(await machine.open().cleanupStale()).toEqual([]);
    machine.passTime(0.2 * MINUTE);
    expect(await machine.open().cleanupStale()).toHaveLength(1);
  });

  describe("that may be young in the time zone of its writer, five zones away,", () => {
    test("is kept for 15 minutes from when a cleaning saw it first", async () => {
      const machine = await TestRegistry.create();
      writeForeign(machine, 5 * HOUR);
      expect(await machine.open().cleanupStale()).toEqual([]);
      expect((await machine.open().listAll())[0]?.evidence[0]?.text).toMatch(/less than 15 minutes ago$/);
      machine.passTime(14.9 * MINUTE);
      expect(await machine.open().cleanupStale()).toEqual([]);
      machine.passTime(0.2 * MINUTE);
      expect(await machine.open().cleanupStale()).toHaveLength(1);
      expect(machine.json().iris_ports).not.toHaveProperty("seen");
    });

    test("is kept for 15 minutes from when a port was assigned beside it, also one that is not free", async () => {
      const machine = await TestRegistry.create(1);
      const { port, project_path } = writeForeign(machine, 5 * HOUR);
      const registry = machine.open();
      const other = () => registry.assignPort(machine.project("other"));
      await expect(other()).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
      expect(machine.json().iris_ports.seen).toMatchObject({ [project_path]: { port } });
      machine.passTime(15 * MINUTE);
      expect(await other()).toMatchObject({ port });
    });

    test("is kept by readers, which write nothing", async () => {
      const machine = await TestRegistry.create();
      writeForeign(machine, 5 * HOUR);
      const text = JSON.stringify(machine.json());
      for (let turn = 0; turn < 2; turn++) {
        const [listed] = await machine.open().listAll();
        expect(listed).toMatchObject({ status: "active" });
        // In five zones from UTC its own time says so.
        expect(listed?.evidence[0]?.text).toMatch(/^made by another tool( less than 15 minutes ago$|; its age is not)/);
        machine.passTime(14 * MINUTE);
      }
      expect(JSON.stringify(machine.json())).toBe(text);
    });

    test("is another one when that tool has made it anew, and no other zone makes it young a second time", async () => {
      const machine = await TestRegistry.create();
      writeForeign(machine, 5 * HOUR);
      await machine.open().cleanupStale();
      writeForeign(machine, 5 * HOUR - MINUTE);
      machine.passTime(14 * MINUTE);
      expect(await machine.open().cleanupStale()).toEqual([]);
      // Kept for an hour by its container: by then it may be young again, one zone further.
      machine.engine.run({ name: "its_own_name", labels: { [LABEL_PROJECT]: machine.project("python") } });
      machine.passTime(46 * MINUTE);
      expect(await machine.open().cleanupStale()).toEqual([]);
      machine.engine.remove("its_own_name");
      expect(await machine.open().cleanupStale()).toHaveLength(1);
    });
  });

  test("is kept while its port is in use", async () => {
    const machine = await TestRegistry.create();
    const entry = writeForeign(machine, 24 * 60 * MINUTE);
    const { close } = await listenOn(entry.port);
    expect(await machine.open().listAll()).toMatchObject([{ status: "active" }]);
    expect(await machine.open().cleanupStale()).toEqual([]);
    await close();
    expect(await machine.open().listAll()).toMatchObject([{ status: "stale" }]);
    expect(await machine.open().cleanupStale()).toHaveLength(1);
  });

  test("is kept while its container exists, under either name", async () => {
    const machine = await TestRegistry.create();
    writeForeign(machine, 24 * 60 * MINUTE, "its_own_name");
    machine.engine.run({ name: "its_own_name" });
    expect(await machine.open().cleanupStale()).toEqual([]);
    machine.engine.remove("its_own_name");
    expect(await machine.open().cleanupStale()).toHaveLength(1);
  });

  test("is kept if its port cannot be probed", async () => {
    const machine = await TestRegistry.create();
    writeForeign(machine, 24 * 60 * MINUTE);
    machine.engine.isLocal = false;
    expect(await machine.open().cleanupStale()).toEqual([]);
  });

  test("is joined by its project, and stays when our holders leave", async () => {
    const machine = await TestRegistry.create();
    const entry = writeForeign(machine, MINUTE);
    const holder = await uniqueProcessHolder();
    const registry = machine.open();
    expect((await registry.assignPort(machine.project("python"), { holder })).port).toBe(entry.port);
    expect(await registry.releasePort(machine.project("python"), { holder })).toMatchObject({ status: "active" });
    expect(machine.json().assignments).toMatchObject([{ project_path: entry.project_path, port: entry.port }]);
    expect(await registry.releasePort(machine.project("python"))).toMatchObject({ status: "released" });
  });
});

describe("D2: the key of an entry of the Python tool with a # in it", () => {
  test.each([
    ["a directory", "C#demo", undefined],
    ["an instance", "shop", "test"],
  ])("is %s for who asks for that, again and again", async (_, name, instance) => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const project = machine.project(name);
    const key = instance === undefined ? project : `${project}#${instance}`;
    const assigned_at = machine.now.toISOString().slice(0, -1);
    const entry = { project_path: key, port: machine.range[1], assigned_at, assignment_type: "auto", status: "active" };
    machine.write({ schema_version: "1.0", assignments: [{ ...entry, container_name: null }] });
    const options = instance === undefined ? {} : { instance };
    for (let turn = 0; turn < 2; turn++) {
      const assignment = await registry.assignPort(project, options);
      expect(assignment).toMatchObject({ projectPath: project, port: machine.range[1], ...options });
    }
    expect(await registry.inspect(project, options)).toMatchObject({ projectPath: project, ...options });
  });
});

describe("R8: cleaning removes the containers that dead holders left", () => {
  const made = (machine: TestRegistry, project: string, lifetime: string, registry = machine.path) => ({
    [LABEL_PROJECT]: machine.project(project),
    [LABEL_REGISTRY]: registry,
    [LABEL_LIFETIME]: lifetime,
    [LABEL_GENERATION]: machine.json().iris_ports.details[machine.project(project)].generation,
  });

  test("but not those that a registry of the same path in another file system made, nor is their port assigned", async () => {
    const machine = await TestRegistry.create(2);
    const [port] = machine.range;
    const registry = machine.open();
    const labels = {
      [LABEL_PROJECT]: machine.project("a"),
      [LABEL_REGISTRY]: machine.path,
      [LABEL_LIFETIME]: "holders",
      [LABEL_GENERATION]: "0123456789ab",
    };
    machine.engine.run({ name: "theirs", labels, hostPorts: [port] });
    expect((await registry.assignPort(machine.project("a"))).port).toBe(port + 1);
    await registry.cleanupStale();
    expect(machine.engine.containers.map(({ name }) => name)).toEqual(["theirs"]);
  });

  test("but not one whose maker is alive, although its port was released and has been assigned to another project", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const idle = await IdleProcess.start();
    await registry.assignPort(machine.project("a"), { holder: idle.holder("user", { usesContainer: true }) });
    const maker = processText(idle.holder()) as string;
    const labels = { ...made(machine, "a", "holders"), [LABEL_CREATOR_PROCESS]: maker };
    machine.engine.run({ name: "busy", labels });
    for (const giveBack of [() => registry.releasePort(machine.project("a")), () => registry.clearAll()]) {
      await giveBack();
      await registry.assignPort(machine.project("a"), { holder: manualHolder() });
      expect(await registry.cleanupStale()).toEqual([]);
      expect(machine.engine.containers).toHaveLength(1);
    }
    await idle.kill();
    await registry.cleanupStale();
    expect(machine.engine.containers).toEqual([]);
  });

  test("and with them the assignment; kept containers, used ones and those of other registries stay", async () => {
    const machine = await TestRegistry.create();
    const registry = machine.open();
    const idle = await IdleProcess.start();
    const holder = idle.holder("user", { usesContainer: true });
    for (const name of ["orphaned", "kept", "elsewhere", "used"])
      await registry.assignPort(machine.project(name), { holder });
    await registry.assignPort(machine.project("used"), { holder: await uniqueProcessHolder({ usesContainer: true }) });
    machine.engine.run({ name: "1", labels: made(machine, "orphaned", "holders") });
    machine.engine.run({ name: "2", labels: made(machine, "kept", "kept") });
    machine.engine.run({ name: "3", labels: made(machine, "elsewhere", "holders", "/another/registry.json") });
    machine.engine.run({ name: "4", labels: made(machine, "used", "holders") });
    await idle.kill();
    expect(await registry.cleanupStale()).toMatchObject([
      { projectPath: machine.project("orphaned"), status: "stale" },
    ]);
    expect(machine.engine.containers.map(({ name }) => name)).toEqual(["2", "3", "4"]);
  });

  test("a container that the engine does not remove keeps its assignment, and blocks no other project", async () => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    const idle = await IdleProcess.start();
    const holder = idle.holder("user", { usesContainer: true });
    const { port } = await registry.assignPort(machine.project("a"), { holder });
    machine.engine.run({ name: "1", labels: made(machine, "a", "holders"), hostPorts: [port] });
    await idle.kill();
    machine.engine.isStubborn = true;
    expect(await registry.cleanupStale()).toEqual([]);
    await expect(registry.assignPort(machine.project("b"))).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
    machine.engine.isStubborn = false;
    expect((await registry.assignPort(machine.project("b"))).port).toBe(port);
  });

  test("a container that is being removed is not joined by a newcomer that saw its holder alive", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const registry = machine.open();
    const holder = idle.holder("user", { usesContainer: true });
    const first = await registry.acquire(machine.project("a"), { holder });
    machine.engine.run({ name: "1", labels: made(machine, "a", "holders") });
    await idle.kill();
    // To the newcomer the dead holder still looks alive: it looked a moment before.
    const newcomer = machine.open({ liveness: async () => "alive" });
    const { removeContainer } = machine.engine;
    let joined: { generation: string } | undefined;
    machine.engine.removeContainer = async (id) => {
      const mine = await uniqueProcessHolder({ usesContainer: true });
      joined = await newcomer.acquire(machine.project("a"), { holder: mine });
      await removeContainer.call(machine.engine, id);
    };
    await registry.cleanupStale();
    expect(joined).toBeDefined();
    expect(joined?.generation).not.toBe(first.generation);
  });
});
