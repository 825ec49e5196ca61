import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CliSandbox, resultOf, said } from "../helpers/cli.ts";

describe("iris-ports", () => {
  let sandbox: CliSandbox;

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
  });
  afterEach(() => sandbox[Symbol.dispose]());

  async function stdoutOf(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await sandbox.run(args);
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
    return sandbox.stable(stdout);
  }

  /** The cells of a table, which is padded to paths whose length differs between machines. */
  function cells(table: string): string[][] {
    return table
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
  }

  it("L1: assigns, lists, inspects and releases", async () => {
    expect(await stdoutOf("list")).toBe("No assignments in <dir>/registry/port-registry.json.\n");
    expect(await stdoutOf("assign", "shop")).toBe(
      "<dir>/shop has port <port 0>. To release it: iris-ports release <dir>/shop\n",
    );
    expect(await stdoutOf("assign", "--quiet", "--instance", "two", "shop")).toBe("<port 1>\n");
    expect(await stdoutOf("assign", "-q", "shop")).toBe("<port 0>\n");
    expect(cells(await stdoutOf("list"))).toEqual([
      ["Project", "Port", "Type", "Status", "Container", "Held by", "Age"],
      ["<dir>/shop", "<port 0>", "auto", "active", "-", "manual", "<age>"],
      ["<dir>/shop#two", "<port 1>", "auto", "active", "-", "manual", "<age>"],
      ["2 of 10 ports in use (<port 0>-<port 9>)"],
    ]);
    expect(
      (await stdoutOf("inspect", "shop", "--instance", "two")).replace(/\d{4}-.*Z/, "<time>"),
    ).toMatchInlineSnapshot(`
      "Project    <dir>/shop
      Instance   two
      Port       <port 1>
      Type       auto
      Status     active
      Container  iris_<hash>_<port 1>
      URI        iris://_SYSTEM@127.0.0.1:<port 1>/USER
      JDBC       jdbc:IRIS://127.0.0.1:<port 1>/USER
      Assigned   <time> (<age> ago)
      Held by    manual, for <age>
      Evidence   alive: manual
      Evidence   gone: no container
      "
    `);
    expect(await stdoutOf("release", "shop")).toBe("Released port <port 0> (<dir>/shop).\n");
    expect(await sandbox.json("list")).toHaveLength(1);
  });

  it("uses the working directory as the project", async () => {
    expect(await stdoutOf("assign")).toBe("<dir> has port <port 0>. To release it: iris-ports release <dir>\n");
    expect(await stdoutOf("release")).toBe("Released port <port 0> (<dir>).\n");
  });

  it("L2: prints JSON with every field", async () => {
    const assigned = await sandbox.json("assign", "shop", "--port", String(sandbox.firstPort + 5));
    const expected = {
      projectPath: `${sandbox.directory}/shop`,
      projectKey: `${sandbox.directory}/shop`,
      port: sandbox.firstPort + 5,
      assignmentType: "manual",
      status: "active",
      containerName: expect.stringMatching(/^iris_[0-9a-f]{8}_\d+$/),
      assignedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    };
    const listed = {
      ...expected,
      holders: [{ kind: "manual", id: "manual", since: expect.any(String) }],
      evidence: expect.arrayContaining([{ kind: "holder", verdict: "alive", text: "manual" }]),
    };
    expect(assigned).toEqual(expected);
    expect(await sandbox.json("list")).toEqual([listed]);
    expect(await sandbox.json("inspect", "shop")).toMatchObject(listed);
    expect(await sandbox.json("clean")).toEqual([]);
    expect(await sandbox.json("release", "shop")).toEqual({ ...expected, status: "released" });
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("reads the global options before and after the command, and before the environment", async () => {
    const range = `${sandbox.firstPort + 3}-${sandbox.firstPort + 4}`;
    const env = { IRIS_PORT_REGISTRY: "/nowhere", IRIS_PORT_RANGE: "1-2" };
    const before = await sandbox.run(["--registry", sandbox.registryPath, "--range", range, "assign", "-q", "a"], env);
    const after = await sandbox.run(["assign", "-q", "b", "--registry", sandbox.registryPath, "--range", range], env);
    expect([before.stdout, after.stdout].map(sandbox.stable.bind(sandbox))).toEqual(["<port 3>\n", "<port 4>\n"]);
  });

  it("cleans what a dead process left behind", async () => {
    const child = sandbox.start([
      "run",
      "--",
      process.execPath,
      "-e",
      "console.log(process.pid); setInterval(() => {}, 1000)",
    ]);
    const pid = Number((await said(child, /\d+/))[0]);
    // The port is held by `run`, and after a moment by its command.
    await vi.waitFor(
      async () => expect(await sandbox.json("list")).toMatchObject([{ holders: [{ kind: "process", pid }] }]),
      { timeout: 20_000 },
    );
    const ended = resultOf(child);
    child.kill("SIGKILL");
    process.kill(pid);
    await ended;
    expect(await sandbox.json("list")).toMatchObject([{ status: "stale", holders: [{ pid }] }]);
    expect(cells(await stdoutOf("list"))[1]?.[5]).toBe(`gone: process ${pid} (${process.execPath})`);
    expect(cells(await stdoutOf("clean")).map((row) => row[0])).toEqual(["Removed as stale:", "Project", "<dir>"]);
    expect(await stdoutOf("clean")).toBe("Nothing is stale.\n");
  });

  describe("L3: clear", () => {
    it("refuses without a terminal to ask on, and changes nothing", async () => {
      await sandbox.run(["assign", "shop"]);
      const before = readFileSync(sandbox.registryPath);
      const { exitCode, stderr, stdout } = await sandbox.run(["clear"]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      expect(stderr).toMatch(/To fix: .*iris-ports clear --yes/);
      expect(readFileSync(sandbox.registryPath)).toEqual(before);
    });

    it("releases every port with --yes", async () => {
      await sandbox.run(["assign", "a"]);
      await sandbox.run(["assign", "b"]);
      expect(await stdoutOf("clear", "--yes")).toBe("Released 2 ports.\n");
      expect(await stdoutOf("clear", "--yes")).toMatch(/^No assignments in /);
      expect(await sandbox.json("clear", "--yes")).toEqual([]);
    });
  });

  it("inspects and releases an entry of the Python tool by its exact spelling, and leaves the canonical path's", async () => {
    const link = join(sandbox.directory, "link");
    symlinkSync(join(sandbox.directory, "shop"), link);
    await sandbox.run(["assign", "shop"]);
    const document = JSON.parse(readFileSync(sandbox.registryPath, "utf8"));
    const [entry] = document.assignments;
    for (const spelled of [link, `${link}/`, "./shop"]) {
      const theirs = { ...entry, project_path: spelled, port: sandbox.firstPort + 5 };
      writeFileSync(sandbox.registryPath, JSON.stringify({ ...document, assignments: [entry, theirs] }));
      expect(await stdoutOf("port", spelled)).toBe("<port 5>\n");
      expect(await sandbox.json("inspect", spelled)).toMatchObject({ port: sandbox.firstPort + 5 });
      expect((await sandbox.run(["release", spelled])).stdout).toBe(
        `Released port ${sandbox.firstPort + 5} (${spelled}).\n`,
      );
      expect(await stdoutOf("port", "shop")).toBe("<port 0>\n");
    }
  });

  it("ends quietly if the reader of its output has closed the pipe", async () => {
    for (const project of ["a", "b"]) await sandbox.run(["assign", project]);
    const child = sandbox.start(["list", "--json"]);
    child.stdout?.destroy();
    expect(await resultOf(child)).toMatchObject({ exitCode: 0, stderr: "" });
  });
});
