import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { BIN, CliSandbox } from "../helpers/cli.ts";
import { Program } from "../helpers/processes.ts";

describe("L6: iris-ports, when something is wrong,", () => {
  let sandbox: CliSandbox;

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
  });
  afterEach(() => sandbox[Symbol.dispose]());

  /** Errors have one form: what happened, the state, how to fix it; never a stack trace, nothing on stdout. */
  async function failure(
    args: string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<{ exitCode: number | null; stderr: string }> {
    const { exitCode, stdout, stderr } = await sandbox.run(args, env);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^iris-ports: \S/);
    expect(stderr).toMatch(/^To fix: \S/m);
    expect(stderr).not.toMatch(/^ +at /m);
    return { exitCode, stderr: sandbox.stable(stderr) };
  }

  it.each([
    [["bogus"], /unknown command 'bogus'\n.*\nTo fix: see `iris-ports --help`/],
    [["list", "--bogus"], /unknown option '--bogus'\nTo fix: see `iris-ports list --help`/],
    [["run"], /missing required argument 'command'\nTo fix: see `iris-ports run --help`/],
    [
      ["run", "echo", "hello", "--version"],
      /^iris-ports: run needs `--` before its command, but "echo" comes before it/,
    ],
    [["--range", "1-2", "run", "--project", "shop", "--port=1", "npm", "--help"], /but "npm" comes before it/],
    [["run", "npm", "--", "test"], /but "npm" comes before it/],
    [["list", "too", "many"], /too many arguments/],
    [["assign", "--port", "abc"], /--port is not a port: "abc"/],
    [["assign", "--port", "70000"], /--port is not a port: 70000/],
    [["assign", "--port", "0"], /--port is not a port: 0/],
    [["assign", "--wait", "soon"], /--wait is not a duration: "soon"/],
    [["assign", "--instance", "a b"], /instance is not a usable name/],
    [["assign", ""], /project is empty/],
    [["--range", "9-1", "assign"], /not a range of ports: "9-1"/],
    [["--registry", "", "list"], /not a usable path/],
  ])("ends with 2 for %j", async (args, words) => {
    const { exitCode, stderr } = await failure(args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(words);
  });

  it.each([
    ["from PATH", {}, "iris-ports"],
    ["by npx", { npm_command: "exec" }, "npx iris-ports"],
    ["by an npm script", { npm_command: "run-script" }, "npx iris-ports"],
  ])("prints commands as they can be called where it was started %s", async (_, env, program) => {
    expect((await failure(["list", "--bogus"], env)).stderr).toContain(`\nTo fix: see \`${program} list --help\`\n`);
    expect((await failure(["port", "shop"], env)).stderr).toContain(
      `\nTo fix: assign one: ${program} assign <dir>/shop\n`,
    );
    const { stderr } = await sandbox.run(["port", "shop", "--json"], env);
    expect(JSON.parse(sandbox.stable(stderr)).error.remedy).toBe(`assign one: ${program} assign <dir>/shop`);
    const { stdout } = await sandbox.run(["list", "--help"], env);
    expect(stdout).toMatch(/^Usage: iris-ports list/);
  });

  it.runIf(process.platform === "linux")(
    "says when the working directory's path is longer than the system allows",
    async () => {
      const deep = join(sandbox.directory, "deep");
      const enter = `import os, sys
for name in [sys.argv[1]] + 20 * [250 * "d"]:
    os.mkdir(name)
    os.chdir(name)
os.execv(sys.argv[2], sys.argv[2:])`;
      const inDeep = async (...args: string[]) => {
        execFileSync("rm", ["-rf", deep]);
        const env = { HOME: sandbox.directory, IRIS_PORT_REGISTRY: sandbox.registryPath };
        const entered = new Program("python3", ["-c", enter, deep, process.execPath, BIN, ...args], { env });
        return entered.ended();
      };
      onTestFinished(() => void execFileSync("rm", ["-rf", deep]));
      for (const args of [
        ["assign"],
        ["assign", "below"],
        ["run", "--", "true"],
        ["env", sandbox.directory, "--write", ".env"],
      ])
        expect(await inDeep(...args)).toMatchObject({
          code: 2,
          stderr: expect.stringMatching(
            /^iris-ports: The working directory cannot be determined.*\n.*longer than.*\nTo fix: /,
          ),
        });
      expect(await inDeep("run", "--project", sandbox.directory, "--", "true")).toMatchObject({ code: 0, stderr: "" });
    },
  );

  it("exits with 3 if no port is left, and lists what takes each port", async () => {
    const range = ["--range", String(sandbox.firstPort)];
    await sandbox.run([...range, "assign", "shop"]);
    const { exitCode, stderr } = await failure([...range, "assign", "other"]);
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/<port 0> +<dir>\/shop: manual/);
  });

  it("waits in the queue with --wait, and gets the released port", async () => {
    const range = ["--range", String(sandbox.firstPort)];
    await sandbox.run([...range, "assign", "shop"]);
    const waiting = sandbox.start([...range, "assign", "--quiet", "--wait", "30", "other"]);
    const queued = new Promise((resolve) => waiting.stderr?.once("data", resolve));
    const port = new Promise((resolve) => waiting.stdout?.once("data", (chunk) => resolve(Number(chunk))));
    expect(String(await queued)).toMatch(/waiting up to 30 s, place 1 in the queue/);
    await sandbox.run(["release", "shop"]);
    expect(await port).toBe(sandbox.firstPort);
  });

  it("exits with 4 if the port belongs to another project", async () => {
    await sandbox.run(["assign", "shop"]);
    const { exitCode, stderr } = await failure(["assign", "other", "--port", String(sandbox.firstPort)]);
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/<port 0> .*<dir>\/shop/);
  });

  it("exits with 6 for a project without a port", async () => {
    expect(await failure(["release", "shop"])).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining("<dir>/shop"),
    });
    expect(await failure(["inspect", "shop"])).toMatchObject({ exitCode: 6 });
  });

  it.each(["", "{", "not JSON", '{"schema_version":"9.0","assignments":[]}', '{"assignments":[{"port":1}]}'])(
    "ends with 7 for a registry that holds %j",
    async (content) => {
      mkdirSync(dirname(sandbox.registryPath), { recursive: true });
      writeFileSync(sandbox.registryPath, content);
      expect(await failure(["list"])).toMatchObject({ exitCode: 7 });
      expect(await failure(["assign"])).toMatchObject({ exitCode: 7 });
    },
  );

  it("exits with 7 for a registry that is a directory", async () => {
    expect(await failure(["list"], { IRIS_PORT_REGISTRY: sandbox.directory })).toMatchObject({ exitCode: 7 });
  });

  it("prints an error as JSON in the last line, after a note", async () => {
    await sandbox.run(["assign"]);
    const occupied = ["--port", String(sandbox.firstPort), "--json"];
    const { stderr } = await sandbox.run(["assign", "shop", ...occupied]);
    const [note, error = "", ...rest] = stderr.trimEnd().split("\n");
    expect(note).toMatch(/is a separate project inside project/);
    expect(JSON.parse(error)).toMatchObject({ error: { code: "PORT_CONFLICT" } });
    expect(rest).toEqual([]);
  });

  it("works on without an engine, and says so", async () => {
    const env = { DOCKER_HOST: `unix://${join(sandbox.directory, "none.sock")}` };
    const assigned = await sandbox.run(["assign", "-q"], env);
    expect(assigned).toMatchObject({ exitCode: 0, stdout: `${sandbox.firstPort}\n` });
    expect(assigned.stderr).toContain(
      `iris-ports: warning: Port ${sandbox.firstPort} was chosen without checking containers.`,
    );
    const { stdout } = await sandbox.run(["list"], env);
    expect(stdout).toMatch(/ iris_[0-9a-f]{8}_\d+ \(\?\) /);
  });

  it("shows a stack trace only with DEBUG=iris-ports*", async () => {
    const { stderr } = await sandbox.run(["release", "shop"], { DEBUG: "iris-ports*" });
    expect(stderr).toMatch(/PortNotAssignedError: .*[\s\S]* at /);
  });

  it("tells users of an older Node how to run a command with a newer one", async () => {
    const older = `Object.defineProperty(process, "versions", { value: { node: "20.19.0" } })`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(older)}`;
    expect(await sandbox.run(["list"], { NODE_OPTIONS })).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: expect.stringMatching(
        /^iris-ports: Node 20\.19\.0 is too old\.\n.*\nTo fix: .*: npx --yes -p node@24 -p iris-ports /,
      ),
    });
  });

  it("escapes characters that could rewrite the screen", async () => {
    const { stderr } = await failure(["assign", "--port", "\u001b[2J"]);
    expect(stderr.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });
});
