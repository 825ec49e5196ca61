import fs from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { checkNode } from "../../src/registry/doctor/check-settings.ts";
import { type CheckupOptions, checkUp as checkMachine } from "../../src/registry/doctor/checkup.ts";
import { LABEL_PROJECT, LABEL_REGISTRY } from "../../src/registry/labels.ts";
import { listenOn } from "../helpers/listener.ts";
import { IdleProcess } from "../helpers/processes.ts";
import { TestRegistry, temporaryDirectory } from "../helpers/registry.ts";

/** The findings, without those about GitHub runners: one may run on the machine of the tests. */
async function checkUp(options: CheckupOptions) {
  return (await checkMachine(options)).filter(({ check }) => check !== "runners");
}

async function findingsOf(registry: TestRegistry) {
  return checkUp({ registryPath: registry.path, portRange: registry.range.join("-"), engine: registry.engine });
}

/** What is not `ok`, as `verdict check: text`. */
async function complaintsOf(registry: TestRegistry): Promise<string[]> {
  const findings = await findingsOf(registry);
  for (const { verdict, remedy } of findings) expect(remedy === undefined).toBe(verdict === "ok");
  return findings
    .filter(({ verdict }) => verdict !== "ok")
    .map(({ verdict, check, text }) => `${verdict} ${check}: ${text.replaceAll(registry.directory, "<dir>")}`);
}

/** Every file with its kind, mode and content: what may not change. */
function everythingIn(directory: string): string[] {
  return fs
    .readdirSync(directory, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const path = join(directory, name);
      const stat = fs.lstatSync(path);
      return [name, stat.mode, stat.mtimeMs, stat.isFile() ? fs.readFileSync(path, "base64") : ""].join(" ");
    });
}

async function withAssignment(): Promise<TestRegistry> {
  const registry = await TestRegistry.create();
  await registry.open().assignPort(registry.project("shop"));
  return registry;
}

describe("doctor", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("finds nothing wrong with a registry that was never used, and creates nothing", async () => {
    const registry = await TestRegistry.create();
    expect(await complaintsOf(registry)).toEqual([]);
    expect(fs.readdirSync(registry.directory)).toEqual([]);
  });

  it("names projects whose directory is gone, and containers that another registry made for a project", async () => {
    const registry = await withAssignment();
    const shop = registry.project("shop");
    registry.engine.run({ name: "elsewhere", labels: { [LABEL_PROJECT]: shop, [LABEL_REGISTRY]: "/other/r.json" } });
    fs.rmdirSync(shop);
    expect(await complaintsOf(registry)).toEqual([
      `warn assignments: port ${registry.range[0]} is assigned to <dir>/projects/shop, a directory that does not exist`,
      "warn containers: elsewhere looks like the container of <dir>/projects/shop, but counts as foreign: the registry /other/r.json made it",
    ]);
  });

  it("finds nothing wrong with a registry in use", async () => {
    const registry = await withAssignment();
    const before = everythingIn(registry.directory);
    expect(await complaintsOf(registry)).toEqual([]);
    expect(everythingIn(registry.directory)).toEqual(before);
    const [first, last] = registry.range;
    expect((await findingsOf(registry)).map(({ check, text }) => [check, text])).toContainEqual([
      "ports",
      `${first}-${last}: 1 assigned, 4 free`,
    ]);
  });

  it.each([
    ["not JSON", "it is not JSON"],
    ["two\nlines\n", 'it is not JSON \\(.*"two lines " is not valid JSON\\)$'],
    ["[]", "the document is not an object"],
    ['{"schema_version":"1.0"}', "assignments is not a list"],
  ])("tells what is wrong with a document that holds %j", async (bytes, reason) => {
    const registry = await withAssignment();
    registry.write(bytes);
    const before = everythingIn(registry.directory);
    expect(await complaintsOf(registry)).toEqual([
      expect.stringMatching(`^fail document: <dir>/port-registry.json cannot be read: ${reason}`),
    ]);
    expect(everythingIn(registry.directory)).toEqual(before);
  });

  it.each(["", "{"])("says that a document that holds %j goes on from the last version", async (bytes) => {
    const registry = await withAssignment();
    registry.write(bytes);
    const before = everythingIn(registry.directory);
    expect(await complaintsOf(registry)).toEqual([
      expect.stringMatching("^warn document: .* was emptied or half written"),
    ]);
    expect(everythingIn(registry.directory)).toEqual(before);
  });

  it("recognises a newer schema", async () => {
    const registry = await withAssignment();
    registry.write('{"schema_version":"9.0","assignments":[]}');
    expect(await complaintsOf(registry)).toEqual([expect.stringMatching("^fail document: .* has schema_version 9.0")]);
  });

  it("recognises a newer schema behind an emptied document, and does not continue from it", async () => {
    const registry = await withAssignment();
    for (const copy of fs.globSync(`${registry.path}.commit/copy.*`))
      fs.writeFileSync(copy, '{"schema_version":"9.0","assignments":[]}');
    registry.write("");
    expect(await complaintsOf(registry)).toEqual([expect.stringMatching("^fail document: .* has schema_version 9.0")]);
    await expect(registry.open().assignPort(registry.directory)).rejects.toMatchObject({ code: "REGISTRY_SCHEMA" });
    expect(fs.readFileSync(registry.path, "utf8")).toBe("");
  });

  it("reports a document that was deleted", async () => {
    const registry = await withAssignment();
    fs.rmSync(registry.path);
    expect(await complaintsOf(registry)).toEqual([
      "warn document: <dir>/port-registry.json is missing, although 1 version of it existed",
    ]);
  });

  it.each([
    ["document", ""],
    ["commits", ".commit"],
    ["lock", ".lock"],
  ])("sees a link in the place of the %s, and does not follow it", async (check, suffix) => {
    const registry = await withAssignment();
    const target = temporaryDirectory();
    fs.rmSync(registry.path + suffix, { recursive: true, force: true });
    fs.symlinkSync(target, registry.path + suffix);
    expect(await complaintsOf(registry)).toEqual([expect.stringMatching(`^fail ${check}: `)]);
    expect(fs.readdirSync(target)).toEqual([]);
  });

  it("reports a lock that is not refreshed, its last owner, and a lock that cannot be taken over", async () => {
    const registry = await withAssignment();
    await registry.open().assignPort(registry.project("other"));
    const lock = `${registry.path}.lock`;
    fs.mkdirSync(lock);
    expect(await complaintsOf(registry)).toEqual([]);
    const past = new Date(Date.now() - 60_000);
    fs.utimesSync(lock, past, past);
    expect(await complaintsOf(registry)).toEqual([
      `warn lock: <dir>/port-registry.json.lock has not been refreshed since ${past.toISOString()}; last taken by ${fs
        .readFileSync(`${registry.path}.commit/lock-owner`, "utf8")
        .trim()}`,
    ]);
    fs.writeFileSync(join(lock, "planted"), "");
    expect(await complaintsOf(registry)).toEqual([expect.stringMatching("^warn lock: .* contains files")]);
    fs.utimesSync(lock, past, past);
    expect(await complaintsOf(registry)).toEqual([expect.stringMatching("^fail lock: .* blocks every change")]);
  });

  it("reports leftovers of killed processes and foreign files in the commit directory", async () => {
    const registry = await withAssignment();
    const commits = `${registry.path}.commit`;
    fs.writeFileSync(join(commits, "data.1.abc"), "");
    fs.writeFileSync(join(commits, "notes.txt"), "");
    const prepared = `${registry.path}.commit.0123456789ab`;
    fs.mkdirSync(prepared);
    fs.utimesSync(prepared, 0, 0);
    expect(await complaintsOf(registry)).toEqual([
      "warn commits: 2 files of killed processes are left",
      "warn commits: not put there by iris-ports: <dir>/port-registry.json.commit/notes.txt",
    ]);
    const [head = ""] = fs.readdirSync(commits).filter((name) => name.startsWith("head."));
    fs.writeFileSync(join(commits, head.replace("head", "data")), "");
    fs.writeFileSync(join(commits, "head.0.abc"), "");
    expect((await complaintsOf(registry)).slice(0, 2)).toEqual([
      "warn commits: <dir>/port-registry.json.commit has 2 heads; was it restored by hand?",
      "warn commits: a version was left unpublished by a process that was killed",
    ]);
  });

  it("reports a commit directory without a head", async () => {
    const registry = await withAssignment();
    fs.rmSync(`${registry.path}.commit`, { recursive: true });
    fs.mkdirSync(`${registry.path}.commit`);
    expect(await complaintsOf(registry)).toEqual([expect.stringMatching("^warn commits: .* has no heads")]);
  });

  it.skipIf(process.platform === "win32")("reports files that every user may write", async () => {
    const registry = await withAssignment();
    fs.chmodSync(registry.path, 0o666);
    fs.chmodSync(registry.directory, 0o777);
    fs.chmodSync(`${registry.path}.commit`, 0o777);
    expect(await complaintsOf(registry)).toEqual([
      "fail directory: every user of this host may change <dir>",
      "fail document: every user of this host may change <dir>/port-registry.json",
      "fail commits: every user of this host may change <dir>/port-registry.json.commit",
    ]);
    fs.chmodSync(registry.directory, 0o1777);
    expect((await complaintsOf(registry))[0]).toBe("warn directory: every user of this host may add files to <dir>");
  });

  it.skipIf(process.platform === "win32")("reports that another user may replace the directory itself", async () => {
    const registry = await TestRegistry.create();
    fs.chmodSync(registry.directory, 0o777);
    const registryPath = join(registry.directory, "below", "port-registry.json");
    fs.mkdirSync(dirname(registryPath), { mode: 0o700 });
    const findings = await checkUp({ registryPath, engine: registry.engine });
    expect(findings.find(({ check }) => check === "directory")).toMatchObject({
      verdict: "fail",
      text: `every user of this host may replace the content of ${registry.directory}`,
    });
  });

  it("works with a directory in the document's place, and with a file in the directory's", async () => {
    const registry = await TestRegistry.create();
    fs.mkdirSync(registry.path);
    expect(await complaintsOf(registry)).toEqual([expect.stringMatching("^fail document: .*EISDIR")]);
    fs.rmdirSync(registry.path);
    fs.writeFileSync(registry.path, "");
    const findings = await checkUp({ registryPath: join(registry.path, "registry.json"), engine: registry.engine });
    expect(findings.find(({ check }) => check === "directory")).toMatchObject({ verdict: "fail" });
  });

  it("works with a path that no file system has room for", async () => {
    const registry = await TestRegistry.create();
    const registryPath = join(registry.directory, "x".repeat(300));
    const findings = await checkUp({ registryPath, engine: registry.engine });
    expect(findings.filter(({ verdict }) => verdict === "fail").map(({ check }) => check)).toEqual([
      "document",
      "lock",
      "commits",
    ]);
  });

  it("names only the first of many", async () => {
    const registry = await TestRegistry.create(10);
    const owner = await IdleProcess.start();
    for (let index = 0; index < 7; index++)
      await registry.open().assignPort(registry.project(`p${index}`), { holder: owner.holder(`holder ${index}`) });
    await owner.kill();
    expect(await complaintsOf(registry)).toEqual([expect.stringMatching(/^warn assignments: .*p4, and 2 more$/)]);
  });

  it("probes no port of this host if the engine is on another host", async () => {
    const registry = await TestRegistry.create();
    await listenOn(registry.range[0]);
    registry.engine.isLocal = false;
    expect(await complaintsOf(registry)).toEqual([]);
    expect((await findingsOf(registry)).find(({ check }) => check === "engine")?.text).toContain("remote");
  });

  it.skipIf(process.platform === "win32")(
    "reports how the Python tool's lock is taken, or that it is not",
    async () => {
      const registry = await withAssignment();
      const lock = join(registry.directory, "port-registry.lock");
      fs.writeFileSync(lock, "");
      expect((await findingsOf(registry)).find(({ check }) => check === "python tool")?.text).toMatch(
        /^in use; its lock is taken with (flock|perl|python3)$/,
      );
      vi.stubEnv("PATH", "/nowhere");
      expect(await complaintsOf(registry)).toEqual([
        expect.stringMatching("^warn python tool: in use, but no program"),
      ]);
      fs.rmSync(lock);
      fs.symlinkSync("elsewhere", lock);
      expect(await complaintsOf(registry)).toEqual([expect.stringMatching("^warn python tool: .* is not a file")]);
    },
  );

  it("reports why the engine does not answer, and then calls nothing stale", async () => {
    const registry = await TestRegistry.create();
    const owner = await IdleProcess.start();
    await registry.open().assignPort(registry.project("shop"), { holder: owner.holder() });
    await owner.kill();
    registry.engine.isReachable = false;
    expect(await complaintsOf(registry)).toEqual([
      "warn engine: The engine is down. Ports are assigned without it; `npx iris-ports up`, the library and the action's `image` need it.",
    ]);
    registry.engine.isReachable = true;
    expect(await complaintsOf(registry)).toEqual([
      `warn assignments: stale: ${registry.range[0]} of <dir>/projects/shop`,
    ]);
  });

  it("names unused containers and those without an assignment, and removes none", async () => {
    const registry = await withAssignment();
    const [first] = registry.range;
    const labels = { "io.iris-ports.registry": registry.path, "io.iris-ports.port": String(first + 1) };
    const { generation } = registry.json().iris_ports.details[registry.project("shop")];
    const shop = {
      ...labels,
      "io.iris-ports.project": registry.project("shop"),
      "io.iris-ports.generation": generation,
    };
    registry.engine.run({
      name: "left",
      hostPorts: [first + 1],
      labels: { ...shop, "io.iris-ports.lifetime": "holders" },
    });
    const lost = { ...labels, "io.iris-ports.project": registry.project("lost") };
    registry.engine.run({
      name: "lost",
      hostPorts: [first + 1],
      labels: { ...lost, "io.iris-ports.lifetime": "kept" },
    });
    expect(await complaintsOf(registry)).toEqual([
      "warn containers: left behind by holders that are gone: left",
      "warn containers: without an assignment: lost",
    ]);
    const [{ text: ports } = { text: "" }] = (await findingsOf(registry)).filter(({ check }) => check === "ports");
    expect(ports).toMatch(/: 1 assigned, 1 kept by containers, 3 free$/);
    expect(registry.engine.containers).toHaveLength(2);
  });

  it("does not take a container for a project's that has its labels only from an image made by docker commit", async () => {
    const registry = await withAssignment();
    const labels = {
      "io.iris-ports.registry": registry.path,
      "io.iris-ports.project": registry.project("shop"),
      "io.iris-ports.port": String(registry.range[0]),
      "io.iris-ports.lifetime": "kept",
    };
    registry.engine.run({ name: "copy", hostPorts: [], labels });
    const copied = "ok containers: of no project, made from an image of a project's container (docker commit): copy";
    const containersOf = async () =>
      (await findingsOf(registry))
        .filter(({ check }) => check === "containers")
        .map(({ verdict, check, text }) => `${verdict} ${check}: ${text}`);
    expect(await containersOf()).toEqual(["ok containers: 0 of this registry, none left behind", copied]);
    await registry.open().releasePort(registry.project("shop"));
    expect(await containersOf()).toEqual(["ok containers: 0 of this registry, none left behind", copied]);
  });

  it("names other users of the range's ports", async () => {
    const registry = await TestRegistry.create();
    const [first] = registry.range;
    await listenOn(first);
    registry.engine.run({ name: "stranger", hostPorts: [first + 1] });
    const [complaint = ""] = await complaintsOf(registry);
    expect(complaint).toMatch(/^warn ports: .*: 0 assigned, 3 free, 2 used by others: \d+ by /);
    expect(complaint).toContain(`${first + 1} by container stranger`);
    if (process.platform === "linux") expect(complaint).toContain(`${first} by process ${process.pid}`);
  });

  it("reports every invalid setting, and goes on", async () => {
    vi.stubEnv("IRIS_PORT_REGISTRY", "a\nb");
    vi.stubEnv("IRIS_PORT_RANGE", "9-1");
    vi.stubEnv("IRIS_PORTS_PROJECT", "relative");
    const registry = await TestRegistry.create();
    const findings = await checkUp({ engine: registry.engine });
    expect(findings.filter(({ verdict }) => verdict === "fail").map(({ text }) => text)).toEqual([
      expect.stringMatching("^IRIS_PORT_REGISTRY is not a usable path"),
      expect.stringMatching("^IRIS_PORT_RANGE is not a range of ports"),
      expect.stringMatching("^IRIS_PORTS_PROJECT is relative"),
    ]);
    expect(findings.map(({ check }) => check)).toContain("engine");
  });

  it.each([
    ["20.20.0", "fail"],
    ["22.21.1", "fail"],
    ["22.22.0", "ok"],
    ["24.1.0", "ok"],
  ])("judges Node.js %s: %s", (version, verdict) => {
    expect(checkNode(version).verdict).toBe(verdict);
  });

  it("works when everything is broken at once", async () => {
    const registry = await TestRegistry.create();
    vi.stubEnv("IRIS_PORTS_PROJECT", "relative");
    registry.write("{");
    fs.chmodSync(registry.path, 0o666);
    fs.writeFileSync(`${registry.path}.lock`, "");
    fs.symlinkSync("nowhere", `${registry.path}.commit`);
    fs.mkdirSync(join(registry.directory, "port-registry.lock"));
    registry.engine.isReachable = false;
    const checks = (await complaintsOf(registry)).map((complaint) => complaint.split(":")[0]);
    const permissions = process.platform === "win32" ? [] : ["fail document"];
    const neighbour = process.platform === "win32" ? [] : ["warn python tool"];
    expect(checks).toEqual([
      "fail settings",
      ...permissions,
      "fail document",
      "fail lock",
      "fail commits",
      ...neighbour,
      "warn engine",
    ]);
  });
});

describe("rebuild, with files in the way,", () => {
  it("clears a planted lock and commit directory, follows no link, and keeps what it moved", async () => {
    const registry = await withAssignment();
    const victim = temporaryDirectory();
    fs.writeFileSync(join(victim, "precious"), "");
    fs.rmSync(`${registry.path}.commit`, { recursive: true });
    fs.symlinkSync(victim, `${registry.path}.commit`);
    fs.symlinkSync(victim, `${registry.path}.lock`);
    const { cleared } = await registry.open().rebuild();
    expect(cleared.map(({ path }) => path)).toEqual([`${registry.path}.commit`, `${registry.path}.lock`]);
    for (const { keptAs } of cleared) expect(fs.readlinkSync(keptAs as string)).toBe(victim);
    expect(fs.readdirSync(victim)).toEqual(["precious"]);
    expect(await registry.open().listAll()).toHaveLength(1);
    await registry.open().assignPort(registry.project("other"));
    expect(await complaintsOf(registry)).toEqual([]);
  });

  it("removes a stale lock and leftovers of killed processes, and publishes a pending version", async () => {
    const registry = await withAssignment();
    const commits = `${registry.path}.commit`;
    fs.mkdirSync(`${registry.path}.lock`);
    fs.utimesSync(`${registry.path}.lock`, 0, 0);
    fs.writeFileSync(join(commits, "data.1.abc"), "");
    const [head = ""] = fs.readdirSync(commits).filter((name) => name.startsWith("head."));
    const pending = fs.readFileSync(registry.path);
    fs.renameSync(registry.path, join(commits, head.replace("head", "data")));
    const { cleared } = await registry.open().rebuild();
    expect(cleared).toEqual([{ path: `${registry.path}.lock` }, { path: join(commits, "data.1.abc") }]);
    expect(fs.readFileSync(registry.path)).toEqual(pending);
    expect(await complaintsOf(registry)).toEqual([]);
  });

  it("moves a lock aside that cannot be removed because it contains files", async () => {
    const registry = await withAssignment();
    const lock = `${registry.path}.lock`;
    fs.mkdirSync(lock);
    fs.writeFileSync(join(lock, "planted"), "");
    fs.utimesSync(lock, 0, 0);
    const { cleared } = await registry.open().rebuild();
    expect(cleared).toEqual([{ path: lock, keptAs: expect.stringMatching(/\.lock\.aside-[0-9a-f]{8}$/) }]);
  });

  it("leaves a held lock alone", async () => {
    const registry = await withAssignment();
    fs.mkdirSync(`${registry.path}.lock`);
    await expect(registry.open({ lockTimeoutMs: 50 }).rebuild()).rejects.toMatchObject({
      code: "PORT_ASSIGNMENT_TIMEOUT",
    });
    expect(fs.existsSync(`${registry.path}.lock`)).toBe(true);
  });
});
