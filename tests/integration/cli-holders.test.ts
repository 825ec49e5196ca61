import fs from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BIN, CliSandbox, resultOf, said } from "../helpers/cli.ts";
import { eventually } from "../helpers/engine.ts";
import { IdleProcess } from "../helpers/processes.ts";

describe("iris-ports and the holders of a port", () => {
  let sandbox: CliSandbox;

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
  });
  afterEach(() => sandbox[Symbol.dispose]());

  const path = (name: string) => join(sandbox.directory, name);

  describe("assign", () => {
    it("holds a port until another process ends, with --for-pid", async () => {
      const idle = await IdleProcess.start();
      const { pid } = idle.identity;
      const { stdout } = await sandbox.run(["assign", "shop", "--for-pid", String(pid)]);
      expect(stdout).toMatch(
        new RegExp(`has port \\d+ until process ${pid} ends\\. To release it: iris-ports release`),
      );
      expect(await sandbox.json("list")).toMatchObject([{ status: "active", holders: [{ kind: "process", pid }] }]);
      await idle.kill();
      expect(await sandbox.json("list")).toMatchObject([{ status: "stale" }]);
    });

    it("holds a port for a limited time, with --ttl", async () => {
      await sandbox.run(["assign", "shop", "--ttl", "2h"]);
      const [{ holders }] = (await sandbox.json("list")) as [{ holders: [{ since: string; expiresAt: string }] }];
      expect(Date.parse(holders[0].expiresAt) - Date.parse(holders[0].since)).toBeGreaterThan(7_199_000);
      await sandbox.run(["assign", "shop", "--ttl", "1s"]);
      await eventually(async () => {
        const [{ status }] = (await sandbox.json("list")) as [{ status: string }];
        return status === "stale" || undefined;
      });
      await sandbox.run(["assign", "shop"]);
      expect(await sandbox.json("list")).toMatchObject([{ status: "active" }]);
    });

    it("holds a port until its directory is deleted", async () => {
      await sandbox.run(["assign", "shop"]);
      fs.rmdirSync(path("shop"));
      expect(await sandbox.json("clean")).toMatchObject([{ projectPath: path("shop"), status: "stale" }]);
    });

    it.each([
      [["--for-pid", "4194999"], /There is no running process 4194999/],
      [["--for-pid", "$$"], /--for-pid is not a process id: "\$\$"/],
      [["--for-pid", "1", "--ttl", "1h"], /exclude each other/],
      [["--ttl", "0"], /--ttl is too short: "0"/],
      [["--ttl", "tomorrow"], /--ttl is not a duration: "tomorrow"/],
      [["--ttl", "999999h"], /--ttl is longer than 24 days/],
    ])("refuses %j", async (args, words) => {
      const { exitCode, stderr } = await sandbox.run(["assign", "shop", ...args]);
      expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(words) });
      expect(await sandbox.json("list")).toEqual([]);
    });
  });

  it.each([
    ["assign", ["assign", "PROJECT"]],
    ["env", ["env", "PROJECT"]],
    ["run", ["run", "--project", "PROJECT", "--", "true"]],
  ])("%s refuses a project that is missing or no directory", async (_, args) => {
    fs.writeFileSync(path("file"), "");
    for (const [project, words] of [
      ["mistyped", /The project .*mistyped does not exist/],
      ["file", /The project .*file is not a directory[\s\S]*To fix: give the directory it is in/],
      ["file/below", /The project .*below does not exist/],
    ] as const) {
      const { exitCode, stderr } = await sandbox.run(args.map((word) => (word === "PROJECT" ? project : word)));
      expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(words) });
    }
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("says on standard error that the project is inside another one that has a port", async () => {
    await sandbox.run(["assign", "shop"]);
    const below = sandbox.project("shop/api/v2");
    const { stdout, stderr } = await sandbox.run(["assign", "-q", below]);
    expect(stdout).toBe(`${sandbox.firstPort + 1}\n`);
    expect(stderr).toBe(
      `iris-ports: ${below} is a separate project inside project ${path("shop")}, which has port ${sandbox.firstPort} (iris-ports port ${path("shop")}).\n`,
    );
    expect((await sandbox.run(["assign", "-q", below])).stderr).toBe("");
  });

  it("joins the job's project even if its directory does not exist", async () => {
    await sandbox.run(["assign", "shop"]);
    fs.rmdirSync(path("shop"));
    const { stdout } = await sandbox.run(["assign", "-q"], { IRIS_PORTS_PROJECT: path("shop") });
    expect(stdout).toBe(`${sandbox.firstPort}\n`);
  });

  describe("release", () => {
    const start = async () => {
      const child = sandbox.start(["run", "--project", "shop", "--", process.execPath, "-e", PROGRAM]);
      await said(child, /up/);
      return child;
    };
    const PROGRAM = "console.log('up'); setTimeout(() => {}, 60_000)";

    it("is refused while a process uses the port, with a command that forces it", async () => {
      const child = await start();
      const refused = await sandbox.run(["release", "shop"]);
      expect(refused).toMatchObject({ exitCode: 4, stdout: "" });
      expect(sandbox.stable(refused.stderr)).toContain(
        "Port <port 0> was not released: project <dir>/shop is in use.\n  held by process ",
      );
      const [, command = ""] = /: (iris-ports release .*)\n$/.exec(refused.stderr) ?? [];
      const [, ...args] = command.split(" ");
      const forced = await sandbox.run(args);
      expect(sandbox.stable(forced.stdout)).toBe("Released port <port 0> (<dir>/shop).\n");
      expect(forced.stderr).toMatch(/^Port \d+ may still be in use by process \d+/);
      child.kill();
      await resultOf(child);
    });

    it("ends a manual hold", async () => {
      await sandbox.run(["assign", "shop"]);
      expect(await sandbox.run(["release", "shop"])).toMatchObject({ exitCode: 0, stderr: "" });
    });
  });

  describe("port", () => {
    it("prints the port, and assigns none", async () => {
      expect(await sandbox.run(["port", "shop"])).toMatchObject({
        exitCode: 6,
        stdout: "",
        stderr: expect.stringMatching(/To fix: assign one: iris-ports assign \S+\/shop\n/),
      });
      expect(await sandbox.run(["port", "-q", "shop"])).toMatchObject({ exitCode: 6, stdout: "", stderr: "" });
      await sandbox.run(["assign", "shop"]);
      expect((await sandbox.run(["port", "shop"])).stdout).toBe(`${sandbox.firstPort}\n`);
      expect(await sandbox.json("port", "shop")).toMatchObject({ port: sandbox.firstPort });
    });
  });

  it("names the project that contains a subdirectory without a port", async () => {
    await sandbox.run(["assign", "shop"]);
    const inside = path("shop/src/it's");
    fs.mkdirSync(inside, { recursive: true });
    for (const command of ["port", "inspect", "status"]) {
      const { exitCode, stderr } = await sandbox.run([command, inside]);
      expect(exitCode).toBe(6);
      expect(stderr).toContain(
        `Project ${path("shop")}, which contains it, has port ${sandbox.firstPort}.\nTo fix: run the command there (cd ${path("shop")}), or `,
      );
    }
    const { exitCode, stdout } = await sandbox.run(["down", inside]);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: `Nothing to stop: project ${inside} has no port assigned. Project ${path("shop")}, which contains it, has port ${sandbox.firstPort}.\n`,
    });
  });

  it("names the registry in a remedy if the environment names another one", async () => {
    const registry = path("it's/port-registry.json");
    const { stderr } = await sandbox.run(["--registry", registry, "port", "shop"]);
    const [, command = ""] = /assign one: (.*)/.exec(stderr) ?? [];
    expect(command).toBe(`iris-ports assign ${path("shop")} --registry '${registry.replace("'", "'\\''")}'`);
    expect(fs.existsSync(dirname(registry))).toBe(false);
  });

  it("prints errors as JSON with --json", async () => {
    const known = await sandbox.run(["release", "shop", "--json"]);
    expect(known).toMatchObject({ exitCode: 6, stdout: "" });
    expect(JSON.parse(known.stderr)).toEqual({
      error: {
        code: "PORT_NOT_ASSIGNED",
        message: `Project ${path("shop")} has no port assigned.`,
        state: expect.any(String),
        remedy: expect.stringContaining("iris-ports list"),
      },
    });
    const usage = await sandbox.run(["list", "--bogus", "--json"]);
    expect(JSON.parse(usage.stderr)).toMatchObject({
      error: { code: "INVALID_ARGUMENT", message: expect.stringContaining("bogus") },
    });
  });

  it("gives run a web port with --web-port", async () => {
    const { stderr } = await sandbox.run(["run", "--web-port", "--", process.execPath, BIN]);
    // The sandbox' range is too high for it: the option arrives.
    expect(stderr).toMatch(/can have no web port/);
  });
});
