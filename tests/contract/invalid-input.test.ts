import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { IrisPortsError } from "../../src/errors/base.ts";
import { InvalidArgumentError, RegistryCorruptError } from "../../src/errors/errors.ts";
import { jobHolder, manualHolder } from "../../src/registry/holder.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { Program } from "../helpers/processes.ts";
import { TestRegistry, temporaryDirectory } from "../helpers/registry.ts";

/** The error, which must be one of ours and say what happened, and how to fix it. */
async function refusal(work: () => unknown): Promise<IrisPortsError> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(IrisPortsError);
    const { message, what, remedy } = error as IrisPortsError;
    expect(message.startsWith(what)).toBe(true);
    expect(message).toContain(`To fix: ${remedy}`);
    expect(what).toMatch(/\.$/);
    expect(remedy.length).toBeGreaterThan(20);
    return error as IrisPortsError;
  }
  throw new Error("nothing was refused");
}

/** What JavaScript callers can pass. */
const any = (value: unknown) => value as never;
const circular: { self?: unknown } = {};
circular.self = circular;

describe("E1: a range of ports is refused", () => {
  test.each([
    ["reversed", "1981-1972"],
    ["reversed", [1981, 1972]],
    ["empty", " "],
    ["empty", []],
    ["from 0", "0-10"],
    ["up to 65536", "65530-65536"],
    ["negative", "-5-10"],
    ["not numbers", "a-b"],
    ["not numbers", ["1972", "1981"]],
    ["open", "1972-"],
    ["fractions", [1972.5, 1981]],
    ["one too many", [1, 2, 3]],
    ["a big integer", [1972n, 1981n]],
    ["nothing at all", null],
    ["a circle", circular],
  ])("that is %s: %s", async (_, range) => {
    const error = await refusal(
      () => new PortRegistry({ engine: false, portRange: any(range), registryPath: "/nowhere/registry.json" }),
    );
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", argument: "portRange", value: range });
  });

  test("from the environment, which is named", async () => {
    vi.stubEnv("IRIS_PORT_RANGE", "1981-1972");
    const error = await refusal(() => new PortRegistry({ engine: false, registryPath: "/nowhere/registry.json" }));
    vi.unstubAllEnvs();
    expect(error.what).toBe('IRIS_PORT_RANGE is not a range of ports: "1981-1972". Write the lower port first.');
  });
});

describe("E1: an argument is refused, and nothing is written", () => {
  test.each([
    0,
    -1,
    70_000,
    65_536,
    1972.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "abc",
    "1972",
    1972n,
    null,
    circular,
  ])("a port of %s", async (port) => {
    const machine = await TestRegistry.create(1);
    const error = await refusal(() => machine.open().assignPort(machine.project("a"), { preferredPort: any(port) }));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", argument: "preferredPort", value: port });
    if (port !== null) expect(error.what).not.toContain("null");
    expect(fs.existsSync(machine.path)).toBe(false);
  });

  test.each<[string, unknown]>([
    ["empty", ""],
    ["blank", "  "],
    ["of two lines", "/a\nb"],
    ["with a NUL", "/a\u0000b"],
    ["with an escape sequence", "/a\u001b[31mb"],
    ["with a C1 character", "/a\u0085b"],
    ["a number", 5],
    ["a big integer", 5n],
    ["nothing", null],
    ["60,000 directories deep", `/${"a/".repeat(60_000)}`],
  ])("a project that is %s", async (_, project) => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    for (const work of [
      () => registry.assignPort(any(project)),
      () => registry.releasePort(any(project)),
      () => registry.getAssignment(any(project)),
    ])
      expect(await refusal(work)).toMatchObject({ code: "INVALID_ARGUMENT", argument: "project" });
    expect(fs.existsSync(machine.path)).toBe(false);
  });

  test.each(["relative/path", ".", "/a\tb", " "])("IRIS_PORTS_PROJECT=%j", async (project) => {
    const machine = await TestRegistry.create(1);
    vi.stubEnv("IRIS_PORTS_PROJECT", project);
    const error = await refusal(() => machine.open().assignPort());
    vi.unstubAllEnvs();
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", argument: "IRIS_PORTS_PROJECT" });
  });

  test.each(["", "a b", "a/b", "-a", "a#b", "\u00e4", "a".repeat(101), 5])("an instance of %j", async (instance) => {
    const machine = await TestRegistry.create(1);
    const error = await refusal(() => machine.open().assignPort(machine.project("a"), { instance: any(instance) }));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", argument: "instance" });
  });

  test.each([-1, Number.NaN, "5", 5n, 2 ** 31, Number.POSITIVE_INFINITY])("a duration of %s", async (duration) => {
    const machine = await TestRegistry.create(1);
    const wait = () => machine.open().assignPort(machine.project("a"), { waitTimeoutMs: any(duration) });
    expect(await refusal(wait)).toMatchObject({ argument: "waitTimeoutMs" });
    expect(await refusal(() => machine.open({ lockTimeoutMs: any(duration) }))).toMatchObject({
      argument: "lockTimeoutMs",
    });
  });

  test.each(["", " ", "/a\nb", 5, null])("a registry path of %j", async (registryPath) => {
    const error = await refusal(() => new PortRegistry({ engine: false, registryPath: any(registryPath) }));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", argument: "registryPath" });
  });

  test.each<[string, unknown]>([
    ["without an id", { ...manualHolder(), id: undefined }],
    ["with an empty id", { ...manualHolder(), id: "" }],
    ["of an unknown kind", { ...manualHolder(), kind: "ghost" }],
    ["since no time", { ...manualHolder(), since: new Date("never") }],
    ["that expires at an invalid time", { ...jobHolder({ id: "job" }), expiresAt: new Date(Number.NaN) }],
    ["described by a number", { ...manualHolder(), description: 5 }],
    ["that is a process without a complete identity", { ...manualHolder(), kind: "process", process: { pid: 5 } }],
    ["that is nothing", null],
  ])("a holder %s, which would make the document unreadable", async (_, holder) => {
    const machine = await TestRegistry.create(1);
    const registry = machine.open();
    const error = await refusal(() => registry.assignPort(machine.project("a"), { holder: any(holder) }));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", argument: "holder" });
    expect(await registry.listAll()).toEqual([]);
  });
});

const ENTRY = {
  project_path: "/p",
  port: 1972,
  assigned_at: "2026-11-23T05:06:07.123+00:00",
  assignment_type: "auto",
  status: "active",
  container_name: null,
};
const DETAIL = { port: 1972, generation: "t" };
const documentOf = (assignments: unknown, ours?: unknown) =>
  JSON.stringify({ schema_version: "1.0", assignments, ...(ours === undefined ? {} : { iris_ports: ours }) });

describe("D5: a document is refused as corrupt, kept as it is, and copied", () => {
  test.each<[string, string]>([
    ["empty", ""],
    ["blank", " \n"],
    ["truncated", documentOf([ENTRY]).slice(0, -20)],
    ["not JSON", "port = 1972"],
    ["binary", "\u0000\u0001"],
    ["a list", "[]"],
    ["a string", '"1.0"'],
    ["without a schema version", "{}"],
    ["of an invalid schema version", '{"schema_version": 1, "assignments": []}'],
    ["without assignments", '{"schema_version": "1.0"}'],
    ["of assignments by name", '{"schema_version": "1.0", "assignments": {}}'],
    ["two entries on one port", documentOf([ENTRY, { ...ENTRY, project_path: "/q" }])],
    ["two entries of one project", documentOf([ENTRY, { ...ENTRY, port: 1973 }])],
    ["an entry without a project", documentOf([{ ...ENTRY, project_path: "" }])],
    ["an entry on port 0", documentOf([{ ...ENTRY, port: 0 }])],
    ["an entry on port 70000", documentOf([{ ...ENTRY, port: 70_000 }])],
    ["an entry on a port in words", documentOf([{ ...ENTRY, port: "1972" }])],
    ["an entry without a valid time", documentOf([{ ...ENTRY, assigned_at: "yesterday" }])],
    ["an entry of another type", documentOf([{ ...ENTRY, assignment_type: "magic" }])],
    ["an entry of another status", documentOf([{ ...ENTRY, status: "sleeping" }])],
    ["an entry whose container is a number", documentOf([{ ...ENTRY, container_name: 5 }])],
    ["an entry that is a number", documentOf([5])],
    ["our part a list", documentOf([], [])],
    ["our holders a list", documentOf([], { holders: [] })],
    [
      "holders of no kind",
      documentOf([ENTRY], {
        details: { "/p": DETAIL },
        holders: { "/p": [{ id: "x", since: ENTRY.assigned_at, kind: "ghost" }] },
      }),
    ],
    [
      "a process holder without a process",
      documentOf([ENTRY], {
        details: { "/p": DETAIL },
        holders: { "/p": [{ id: "x", since: ENTRY.assigned_at, kind: "process" }] },
      }),
    ],
    [
      "a holder with pid 0",
      documentOf([ENTRY], {
        holders: {
          "/p": [
            {
              id: "x",
              since: ENTRY.assigned_at,
              kind: "job",
              process: { host: "h", boot_id: "b", pid_namespace: "n", start_time: "1", pid: 0 },
            },
          ],
        },
      }),
    ],
    ["a detail without a generation", documentOf([ENTRY], { details: { "/p": { port: 1972 } } })],
    [
      "a detail of an instance that its project does not name",
      documentOf([ENTRY], { details: { "/p": { ...DETAIL, instance: "second" } } }),
    ],
    [
      "a former port without a number",
      documentOf([], { history: [{ project: "/p", released_at: ENTRY.assigned_at }] }),
    ],
    [
      "a waiter of no range",
      documentOf([], { waiters: [{ id: "w", project: "/p", since: ENTRY.assigned_at, range: [1972], holder: {} }] }),
    ],
    [
      "a note without a valid time",
      documentOf([ENTRY], { seen: { "/p": { port: 1972, assigned_at: "then", at: "now" } } }),
    ],
    ["a revision in words", documentOf([], { revision: "5", commit: "ab" })],
    ["nested too deep", `{"schema_version":"1.0","assignments":[],"x":${"[".repeat(9_000)}${"]".repeat(9_000)}}`],
    ["the largest possible revision", documentOf([], { revision: Number.MAX_SAFE_INTEGER, commit: "ab" })],
    ["a commit that would be a path", documentOf([], { revision: 5, commit: "../../x" })],
  ])("%s", async (_, text) => {
    const machine = await TestRegistry.create(1);
    machine.write(text);
    const registry = machine.open();
    const error = await refusal(() => registry.assignPort(machine.project("a")));
    expect(error).toBeInstanceOf(RegistryCorruptError);
    expect(error).toMatchObject({ code: "REGISTRY_CORRUPT", registryPath: machine.path });
    expect(error.remedy).toContain(`iris-ports doctor --repair --registry ${machine.path}`);
    const { backupPath } = error as RegistryCorruptError;
    const copies = () => fs.readdirSync(machine.directory).filter((name) => name.includes("corrupt"));
    // What shows no sign of ever having been a registry may be anything: nothing is written beside it.
    const wasRegistry = /^\s*$|schema_version|assignments|iris_ports/.test(text);
    expect(copies()).toHaveLength(wasRegistry ? 1 : 0);
    if (wasRegistry) {
      expect(error.message).toContain(String(backupPath));
      expect(fs.readFileSync(String(backupPath), "utf8")).toBe(text);
    }
    for (const work of [() => registry.clearAll(), () => registry.cleanupStale()])
      expect(await refusal(work)).toMatchObject({ code: "REGISTRY_CORRUPT", backupPath });
    for (const copy of copies()) fs.rmSync(join(machine.directory, copy));
    expect(await refusal(() => registry.listAll())).toMatchObject({ code: "REGISTRY_CORRUPT", backupPath: undefined });
    expect(copies()).toEqual([]);
    expect(fs.readFileSync(machine.path, "utf8")).toBe(text);
  });

  test("a copy that cannot be made is reported", async () => {
    const machine = await TestRegistry.create(1);
    const path = join(machine.directory, `${"x".repeat(240)}.json`);
    fs.writeFileSync(path, "{");
    const error = await refusal(() => machine.open({ registryPath: path }).assignPort(machine.project("a")));
    expect(error).toMatchObject({ code: "REGISTRY_CORRUPT", backupPath: undefined });
    expect(error.message).toContain("The file was not touched.");
  });

  test.each(["1.1", "2.0", "10.0"])("and of schema %s untouched, without a copy", async (schema) => {
    const machine = await TestRegistry.create(1);
    const text = documentOf([]).replace("1.0", schema);
    machine.write(text);
    const error = await refusal(() => machine.open().assignPort(machine.project("a")));
    expect(error).toMatchObject({ code: "REGISTRY_SCHEMA", schemaVersion: schema });
    expect(fs.readFileSync(machine.path, "utf8")).toBe(text);
    expect(fs.readdirSync(machine.directory).filter((name) => name.includes("corrupt"))).toEqual([]);
  });
});

describe("E1: a registry path is refused that is", () => {
  async function access(machine: TestRegistry, registryPath = machine.path): Promise<IrisPortsError> {
    const error = await refusal(() => machine.open({ registryPath }).assignPort(machine.project("a")));
    expect(error).toMatchObject({ code: "REGISTRY_ACCESS", registryPath });
    return error;
  }

  test("a directory", async () => {
    const machine = await TestRegistry.create(1);
    fs.mkdirSync(machine.path);
    expect((await access(machine)).message).toContain("It is a directory");
    expect(fs.readdirSync(machine.path)).toEqual([]);
  });

  test("below a file", async () => {
    const machine = await TestRegistry.create(1);
    fs.writeFileSync(join(machine.directory, "file"), "");
    expect((await access(machine, join(machine.directory, "file", "registry.json"))).message).toMatch(
      /where a directory is needed/,
    );
  });

  // Node's own recursive mkdir would not return.
  test.runIf(process.platform === "linux").each(["/proc", "/proc/iris-ports/below", "/dev/fd/iris-ports"])(
    "below %s, at once",
    async (directory) => {
      const registry = (await TestRegistry.create(1)).open({ registryPath: `${directory}/registry.json` });
      const error = await refusal(() => registry.assignPort(temporaryDirectory()));
      expect(error).toMatchObject({ code: "REGISTRY_ACCESS", state: expect.stringContaining("as below /proc") });
    },
  );

  test("a symbolic link, whose target stays as it was", async () => {
    const machine = await TestRegistry.create(1);
    const target = join(machine.directory, "target");
    fs.writeFileSync(target, documentOf([]));
    fs.symlinkSync(target, machine.path);
    expect((await access(machine)).message).toContain("symbolic link");
    expect(fs.readFileSync(target, "utf8")).toBe(documentOf([]));
    expect(fs.lstatSync(machine.path).isSymbolicLink()).toBe(true);
  });

  test("beside a commit directory that is a symbolic link", async () => {
    const machine = await TestRegistry.create(1);
    const target = join(machine.directory, "target");
    fs.mkdirSync(target);
    fs.symlinkSync(target, `${machine.path}.commit`);
    expect((await access(machine)).message).toContain("symbolic link");
    expect(fs.readdirSync(target)).toEqual([]);
  });

  test("a pipe, without hanging", async () => {
    const machine = await TestRegistry.create(1);
    expect(spawnSync("mkfifo", [machine.path]).status).toBe(0);
    expect((await access(machine)).message).toContain("device, socket or pipe");
  });

  test("too long", async () => {
    const machine = await TestRegistry.create(1);
    await access(machine, join(machine.directory, `${"x".repeat(300)}.json`));
  });

  test.skipIf(process.getuid?.() !== 0).each([
    ["on a full file system", "size=64k", "ENOSPC"],
    ["on a read-only file system", "ro", "EROFS"],
  ])("%s (needs root, to mount one)", async (_, option, code) => {
    const machine = await TestRegistry.create(2);
    const mountPoint = join(machine.directory, "mount");
    fs.mkdirSync(mountPoint);
    mount(["-t", "tmpfs", "-o", "size=64k", "tmpfs", mountPoint]);
    const path = join(mountPoint, "port-registry.json");
    const registry = machine.open({ registryPath: path });
    await registry.assignPort(machine.project("before"));
    // The replaced version stays open for a moment, and the system refuses until then.
    if (option === "ro") await vi.waitFor(() => mount(["-o", "remount,ro", mountPoint]), { timeout: 10_000 });
    else expect(() => fs.writeFileSync(join(mountPoint, "filler"), Buffer.alloc(1 << 20))).toThrow("ENOSPC");
    const before = fs.readFileSync(path);
    const error = await access(machine, path);
    expect(error.message).toContain(code);
    expect(fs.readFileSync(path)).toEqual(before);
    expect(await registry.getAssignment(machine.project("before"))).toBeDefined();
  });

  test.skipIf(process.getuid?.() !== 0).each([
    ["unreadable", 0o755, 0o600],
    ["in a directory that cannot be written", 0o755, 0o644],
    ["in a directory that cannot be entered", 0o700, 0o644],
  ])("%s for this user (needs root, to be another)", async (_, directoryMode, fileMode) => {
    const machine = await TestRegistry.create(1);
    machine.write(documentOf([]));
    fs.chmodSync(machine.path, fileMode);
    fs.chmodSync(machine.directory, directoryMode);
    const program = Program.node("assigner.ts", [machine.path, machine.range.join("-"), "/nobody", "--as", 65_534]);
    const [outcome] = await program.output();
    expect(JSON.parse(String(outcome))).toMatchObject({
      error: { code: "REGISTRY_ACCESS", registryPath: machine.path },
    });
    expect(fs.readFileSync(machine.path, "utf8")).toBe(documentOf([]));
  });

  test.skipIf(process.getuid?.() !== 0)(
    "one whose commit directory this user can neither use nor replace (needs root, to be another)",
    async () => {
      const machine = await TestRegistry.create(1);
      machine.write(documentOf([]));
      fs.chmodSync(machine.path, 0o666);
      // Like /tmp: every user may create files, and none may replace another's.
      fs.chmodSync(machine.directory, 0o1777);
      fs.mkdirSync(`${machine.path}.commit`);
      fs.chmodSync(`${machine.path}.commit`, 0o777);
      const program = Program.node("assigner.ts", [machine.path, machine.range.join("-"), "/nobody", "--as", 65_534]);
      const [outcome] = await program.output();
      expect(JSON.parse(String(outcome))).toMatchObject({ error: { code: "REGISTRY_ACCESS" } });
    },
  );
});

function mount(args: readonly string[]): void {
  const { status, stderr } = spawnSync("mount", args, { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const mountPoint = args.at(-1) as string;
  if (args.includes("tmpfs")) onTestFinished(() => void spawnSync("umount", ["--lazy", mountPoint]));
}

test("a refused registry path leaves no file behind", async () => {
  const directory = temporaryDirectory();
  const registry = () =>
    new PortRegistry({ engine: false, registryPath: join(directory, "registry.json"), portRange: "5-1" });
  expect(registry).toThrow(InvalidArgumentError);
  expect(fs.readdirSync(directory)).toEqual([]);
});
