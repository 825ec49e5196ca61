import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BIN, CliSandbox, resultOf, said } from "../helpers/cli.ts";
import { eventually } from "../helpers/engine.ts";

describe("L4: iris-ports run", () => {
  let sandbox: CliSandbox;

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
  });
  afterEach(() => sandbox[Symbol.dispose]());

  const node = (script: string) => ["--", process.execPath, "-e", script];

  it("gives the command a port for as long as it runs", async () => {
    const script = "console.log(process.env.IRIS_PORT, process.env.IRIS_PORTS_PROJECT)";
    const { exitCode, stdout, stderr } = await sandbox.run(["run", "--project", "shop", ...node(script)]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(sandbox.stable(stdout)).toBe("<port 0> <dir>/shop\n");
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("holds the port while the command runs, without its arguments in the registry", async () => {
    const child = sandbox.start(["run", ...node("console.log('up'); setTimeout(() => {}, 60_000) // secret")]);
    await said(child, /up/);
    const listed = JSON.stringify(await sandbox.json("list"));
    expect(listed).toContain('"kind":"process"');
    expect(listed).not.toContain("secret");
    child.kill("SIGTERM");
    expect(await resultOf(child)).toMatchObject({ exitCode: 143 });
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("lets the command keep the port if run itself is killed, for as long as the command lives", async () => {
    const child = sandbox.start(["run", ...node("console.log(process.pid); setTimeout(() => {}, 60_000)")]);
    const pid = Number((await said(child, /\d+/))[0]);
    const statusOnceHeldBy = (text: string) =>
      eventually(async () => {
        const [listed] = (await sandbox.json("list")) as { holders: { pid: number }[]; status: string }[];
        return listed?.holders[0]?.pid === pid && listed.status === text ? listed : undefined;
      });
    await statusOnceHeldBy("active");
    const ended = resultOf(child);
    child.kill("SIGKILL");
    expect(await statusOnceHeldBy("active")).toBeDefined();
    process.kill(pid, "SIGKILL");
    await ended;
    expect(await statusOnceHeldBy("stale")).toBeDefined();
  });

  it("lets containers of the command join the same assignment, including the instance", async () => {
    const args = ["run", "--project", "shop", "--instance", "two", "--", process.execPath, BIN, "assign", "--json"];
    const { stdout } = await sandbox.run(args);
    expect(JSON.parse(stdout)).toMatchObject({ projectKey: `${sandbox.directory}/shop#two`, port: sandbox.firstPort });
    expect(await sandbox.json("list")).toMatchObject([{ instance: "two", holders: [{ kind: "manual" }] }]);
  });

  it("does not take the value of an option for the command, even if it is `run`", async () => {
    sandbox.project("run");
    const before = ["--registry", sandbox.registryPath, "run", "--project", "run", "--wait", "1"];
    const { stdout, stderr } = await sandbox.run([...before, ...node("console.log('ran')")]);
    expect({ stdout, stderr }).toEqual({ stdout: "ran\n", stderr: "" });
  });

  it("passes the arguments on as they are", async () => {
    const words = ["a b", "$HOME", "--json", "*", "'"];
    const { stdout } = await sandbox.run([
      "run",
      ...node("console.log(JSON.stringify(process.argv.slice(1)))"),
      "--",
      ...words,
    ]);
    expect(JSON.parse(stdout)).toEqual(words);
  });

  it("ends with the command's exit code", async () => {
    expect(await sandbox.run(["run", ...node("process.exit(42)")])).toMatchObject({ exitCode: 42, stderr: "" });
  });

  it.skipIf(process.platform === "win32").each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGQUIT", 131],
    ["SIGUSR2", 140],
    ["SIGALRM", 142],
    ["SIGABRT", 134],
    ["SIGXCPU", 152],
  ] as const)("passes %s on, and ends with %i when the command dies of it", async (signal, exitCode) => {
    const child = sandbox.start(["run", ...node("console.log('up'); setTimeout(() => {}, 60_000)")]);
    await said(child, /up/);
    child.kill(signal);
    expect(await resultOf(child)).toMatchObject({ exitCode, stderr: "" });
    expect(await sandbox.json("list")).toEqual([]);
  });

  // Node itself takes SIGUSR1 for a request to open its debugger.
  it.skipIf(process.platform === "win32")("passes SIGUSR1 on", async () => {
    const script = "process.on('SIGUSR1', () => process.exit(6)); console.log('up'); setTimeout(() => {}, 60_000)";
    const child = sandbox.start(["run", ...node(script)]);
    await said(child, /up/);
    child.kill("SIGUSR1");
    expect(await resultOf(child)).toMatchObject({ exitCode: 6, stderr: "" });
  });

  it.skipIf(process.platform === "win32")("lets the command decide what a signal means", async () => {
    const script = "process.on('SIGTERM', () => process.exit(5)); console.log('up'); setTimeout(() => {}, 60_000)";
    const child = sandbox.start(["run", ...node(script)]);
    await said(child, /up/);
    child.kill("SIGTERM");
    expect(await resultOf(child)).toMatchObject({ exitCode: 5 });
  });

  it("exits with 127 if the command does not exist, and releases the port", async () => {
    const { exitCode, stderr } = await sandbox.run(["run", "--", "no-such-command"]);
    expect(exitCode).toBe(127);
    expect(stderr).toMatch(/^iris-ports: the command "no-such-command" was not found\.\nTo fix: /);
    expect(await sandbox.json("list")).toEqual([]);
  });

  it.skipIf(process.platform === "win32")("exits with 126 if the command cannot be executed", async () => {
    expect(await sandbox.run(["run", "--", sandbox.directory])).toMatchObject({ exitCode: 126 });
  });

  it.skipIf(process.platform === "win32")("exits with 126 if the system refuses the command", async () => {
    const long = "x".repeat(10_000);
    const { exitCode, stderr } = await sandbox.run(["run", "--", long]);
    expect(exitCode).toBe(126);
    expect(stderr).toMatch(/^iris-ports: the command "x{198}… could not be started: spawn ENAMETOOLONG\.\nTo fix: /);
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("releases only its own hold", async () => {
    await sandbox.run(["assign", "shop"]);
    await sandbox.run(["run", "--project", "shop", ...node("")]);
    expect(await sandbox.json("list")).toMatchObject([{ holders: [{ kind: "manual" }] }]);
  });

  it.each([
    ["release", "--force"],
    ["clear", "--yes"],
  ])("ends with the command's exit code, and says nothing, after %s %s took its port", async (...words) => {
    const takeAway = `spawnSync(process.execPath, ${JSON.stringify([BIN, ...words])}, { stdio: "ignore" })`;
    const { exitCode, stderr } = await sandbox.run([
      "run",
      ...node(`const { spawnSync } = require("node:child_process"); ${takeAway}; process.exit(3)`),
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: "" });
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("keeps the command's exit code if the registry cannot be read at the end, and reports the failure", async () => {
    const spoil = `require("node:fs").writeFileSync(process.env.IRIS_PORT_REGISTRY, "[]"); process.exit(3)`;
    const { exitCode, stderr } = await sandbox.run(["run", ...node(spoil)]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 3,
      stderr: expect.stringMatching(/^iris-ports: .* cannot be read/),
    });
  });
});
