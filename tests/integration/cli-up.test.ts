import { once } from "node:events";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { runCommand } from "../../scripts/run-command.ts";
import type { PortAssignment } from "../../src/registry/assignment.ts";
import { manualHolder } from "../../src/registry/holder.ts";
import { LABEL_REGISTRY } from "../../src/registry/labels.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { BIN, type CliResult, CliSandbox, resultOf } from "../helpers/cli.ts";
import { askIdentity, docker, dockerCli, eventually } from "../helpers/engine.ts";
import { listenOn } from "../helpers/listener.ts";
import { oddDocker } from "../helpers/odd-docker.ts";
import { Program } from "../helpers/processes.ts";
import { webPortRange } from "../helpers/web-ports.ts";

describe("L9: iris-ports up", () => {
  let sandbox: CliSandbox;
  let image: string;
  let range: readonly [number, number];

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
    image = await ensureStandin();
    range = await webPortRange(4);
  });
  afterEach(async () => {
    const ids = await containers();
    if (ids.length > 0) await docker("rm", "--force", "--volumes", ...ids);
    sandbox[Symbol.dispose]();
  });

  const containers = async () =>
    (await docker("ps", "--all", "--quiet", "--filter", `label=${LABEL_REGISTRY}=${sandbox.registryPath}`))
      .split("\n")
      .filter(Boolean);
  const environment = () => ({ IRIS_PORT_RANGE: range.join("-"), RUNNER_TEMP: undefined });
  const run = (...args: string[]) => sandbox.run(args, environment());
  const path = (name: string) => join(sandbox.directory, name);

  /** Runs a command with a script on its standard input. */
  async function session(script: string, ...args: string[]): Promise<CliResult> {
    const env = {
      HOME: sandbox.directory,
      IRIS_PORT_REGISTRY: sandbox.registryPath,
      IRIS_PORTS_PROJECT: sandbox.directory,
    };
    return runCommand(process.execPath, [BIN, "session", ...args], { input: script, env });
  }

  it("gives an IRIS to a directory without a package.json, for sessions, tools and the browser, until down", async () => {
    const up = await run("up", image);
    expect(up).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("IRIS is ready.") });
    const [assignment] = (await sandbox.json("list")) as [PortAssignment];
    expect(assignment).toMatchObject({ port: range[0], webPort: range[0] + 50801, holders: [{ kind: "manual" }] });
    expect(up.stdout).toBe(
      [
        `URI        iris://_SYSTEM@127.0.0.1:${range[0]}/USER`,
        `JDBC       jdbc:IRIS://127.0.0.1:${range[0]}/USER`,
        `Portal     http://127.0.0.1:${range[0] + 50801}/csp/sys/UtilHome.csp`,
        `Container  ${assignment.containerName}`,
        "",
      ].join("\n"),
    );
    expect(await session('set x=6\nwrite x*7,!\nwrite "done"\n')).toEqual({
      exitCode: 0,
      stdout: "42\ndone\n",
      stderr: "",
    });
    expect((await run("env", "--write", ".env")).exitCode).toBe(0);
    expect(fs.readFileSync(path(".env"), "utf8")).toContain(
      `IRIS_PORT=${range[0]}\nIRIS_WEB_PORT=${range[0] + 50801}\n`,
    );
    expect((await run("open", "--print")).stdout).toBe(`http://127.0.0.1:${range[0] + 50801}/csp/sys/UtilHome.csp\n`);
    const status = await run("status");
    expect(status).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^IRIS +running$/m) });
    expect((await run("logs", "--tail", "1000")).stdout).toContain("started InterSystems IRIS instance");
    const down = await run("down");
    expect(down.stdout).toBe(
      `Stopped and removed container ${assignment.containerName}.\nPort ${range[0]} stays assigned to ${sandbox.directory}.\n`,
    );
    expect(await containers()).toEqual([]);
    expect(await run("status")).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^IRIS +absent$/m) });
    await run("release");
    expect((await run("down")).stdout).toMatch(/^Nothing to stop/);
  });

  it.each([
    ["release", "--force"],
    ["clear", "--yes"],
  ])("is stopped by down also after its port was given back by %s %s", async (...giveBack) => {
    await run("up", image);
    await run(...giveBack);
    expect(await sandbox.json("list")).toEqual([]);
    const down = await run("down");
    expect(down).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^Stopped and removed container/) });
    expect(await containers()).toEqual([]);
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("is found again on its port after a release, also in another range", async () => {
    const up = await run("up", image);
    const before = await containers();
    const other = (await webPortRange(4)).join("-");
    await run("release", "--force");
    expect(await run("up", image, "--range", other)).toMatchObject({ exitCode: 0, stdout: up.stdout });
    expect(await containers()).toEqual(before);
    await run("release", "--force");
    const { exitCode, stderr } = await run("up", image, "--port", String(range[0] + 1));
    expect({ exitCode, stderr }).toEqual({
      exitCode: 4,
      stderr: expect.stringMatching(
        /the project's container iris_\w+ is on port \d+\.\n.*\nTo fix: .*iris-ports down /,
      ),
    });
    expect(await containers()).toEqual(before);
    expect(await run("down", "--range", other)).toMatchObject({ exitCode: 0 });
    expect(await containers()).toEqual([]);
  });

  it("is stopped by down, which has nothing to complain of when the port is released by force meanwhile", async () => {
    await run("up", image);
    const release = `'${process.execPath}' '${BIN}' release --force >&2`;
    const PATH = await oddDocker(sandbox, () => [`[ "$1" != stop ] || PATH=/usr/bin:/bin ${release}`]);
    const down = await sandbox.run(["down"], { ...environment(), PATH });
    expect(down).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`Released port ${range[0]}`) });
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("is left running by down where a test still uses it, although its port was released", async () => {
    await run("up", image);
    const start = { image, registryPath: sandbox.registryPath, portRange: range, project: sandbox.directory };
    const test = Program.node("start-container.ts", [JSON.stringify({ ...start, environment: {} })]);
    await test.nextLine();
    await run("release", "--force");
    expect(await run("down")).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/is in use\.\n {2}held by process/),
    });
    expect(await containers()).toHaveLength(1);
    test.signal("SIGUSR2");
    expect((await test.ended()).code).toBe(0);
    expect(await containers()).toHaveLength(1);
    expect(await run("down")).toMatchObject({ exitCode: 0 });
  });

  it("has nothing to stop where no port is assigned and there is no docker command", async () => {
    const down = await sandbox.run(["down"], { ...environment(), PATH: dirname(process.execPath) });
    expect(down).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^Nothing to stop/),
      stderr: expect.stringMatching(/warning: It is not known whether .* The docker command cannot be run/),
    });
  });

  it("takes a password from a pipe, as a shell makes for <(command)", async () => {
    const fifo = path("pipe");
    await runCommand("mkfifo", [fifo]);
    const up = run("up", image, "--password-file", fifo);
    // Opening it waits for the reader.
    const written = fs.promises.writeFile(fifo, "s3cret\n");
    expect(await up).toMatchObject({ exitCode: 0 });
    await written;
  });

  it("joins what runs, and releases the port with down", async () => {
    await run("up", image);
    const before = await containers();
    expect(await run("up")).toMatchObject({ exitCode: 0 });
    expect(await containers()).toEqual(before);
    expect((await run("down")).stdout).toMatch(/Released port/);
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("joins what was renamed, under its new name, and down removes it", async () => {
    await run("up", image);
    const [id = ""] = await containers();
    const name = `renamed-${range[0]}`;
    await docker("rename", id, name);
    expect(await run("up", image)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(`Container  ${name}\n`),
    });
    expect(await containers()).toEqual([id]);
    expect((await run("down")).stdout).toContain(`removed container ${name}.`);
    expect(await containers()).toEqual([]);
  });

  it("is found under its new name by status and down, although another container is to publish its port", async () => {
    await run("up", image);
    const [id = ""] = await containers();
    const name = `renamed-${range[0]}`;
    await docker("rename", id, name);
    const other = await docker("create", "--publish", `127.0.0.1:${range[0]}:1972`, image);
    onTestFinished(async () => void (await docker("rm", "--force", other)));
    expect((await run("status")).stdout).toMatch(new RegExp(`^IRIS +running\nContainer +${name}$`, "m"));
    expect((await run("down")).stdout).toContain(`removed container ${name}.`);
  });

  it("is left running by down for another user, who is looked for in the project that was named", async () => {
    const shop = sandbox.project("shop");
    await run("up", image, "--project", shop);
    const registry = new PortRegistry({ registryPath: sandbox.registryPath, portRange: range });
    await registry.acquire(shop, { holder: manualHolder({ id: "other", usesContainer: true }) });
    expect(await run("down", shop)).toMatchObject({ exitCode: 4, stderr: expect.stringContaining(shop) });
    expect(await containers()).toHaveLength(1);
  });

  it("is in the way of a web port beside a lower port, which env says with the command that removes it", async () => {
    const high = String(range[0] + 50801);
    expect(await run("up", image, "--port", high)).toMatchObject({ exitCode: 0 });
    await run("release", "--force");
    const env = ["env", "--format", "toml"];
    const { stderr } = await run(...env);
    const command = /on port (\d+) first: iris-ports (.*)$/m.exec(stderr);
    expect(command?.slice(1)).toEqual([high, `down ${sandbox.directory}`]);
    expect(await run("down", sandbox.directory)).toMatchObject({ exitCode: 0 });
    expect(await run(...env)).toMatchObject({ exitCode: 0 });
  });

  it("is joined by a test of the library, which leaves it running", async () => {
    await run("up", image);
    const [id = ""] = await containers();
    const start = {
      image,
      registryPath: sandbox.registryPath,
      portRange: range,
      project: sandbox.directory,
      environment: {},
    };
    const test = Program.node("start-container.ts", [JSON.stringify(start)]);
    const joined = JSON.parse((await test.nextLine()) ?? "{}");
    expect(joined).toMatchObject({ port: range[0], id: expect.stringContaining(id) });
    const inUse = await run("down");
    expect(inUse).toMatchObject({ exitCode: 4, stderr: expect.stringMatching(/is in use\.\n {2}held by process/) });
    test.signal("SIGUSR2");
    expect((await test.ended()).code).toBe(0);
    expect(await containers()).toEqual([id]);
    expect(await askIdentity("127.0.0.1", range[0])).toMatch(/^iris-standin/);
  });

  it("makes user, namespace, merge file, licence and data directory", async () => {
    fs.writeFileSync(path("password"), "s3cret\n");
    fs.writeFileSync(path("merge.cpf"), "[config]\nglobals=0,0,256,0,0,0\n");
    fs.writeFileSync(path("iris.key"), "a licence", { mode: 0o600 });
    const up = await run(
      ...["up", image, "--json", "--username", "dev", "--password-file", path("password"), "--namespace", "shop"],
      ...["--cpf-merge", "merge.cpf", "--license-key", "iris.key", "--data", "data", "--env", "TZ=UTC"],
    );
    expect(up.exitCode).toBe(0);
    expect(JSON.parse(up.stdout)).toMatchObject({ port: range[0], uri: `iris://dev@127.0.0.1:${range[0]}/SHOP` });
    const [id = ""] = await containers();
    const inside = async (...command: string[]) => docker("exec", id, ...command);
    expect(await inside("cat", "/usr/irissys/mgr/iris.key")).toBe("a licence");
    expect(await inside("sh", "-c", 'cat "$ISC_CPF_MERGE_FILE"')).toContain("globals=0,0,256");
    expect(await inside("sh", "-c", 'echo kept > "$(dirname "$ISC_DATA_DIRECTORY")/file"; echo $TZ')).toBe("UTC");
    expect(fs.readFileSync(path("data/file"), "utf8")).toBe("kept\n");
    expect((await session("write $namespace", "SHOP")).stdout).toBe("SHOP\n");
  });

  describe("session", () => {
    it("ends with 1 and IRIS's own words where a line fails, after the output of the lines before", async () => {
      await run("up", image);
      const { exitCode, stdout, stderr } = await session('write "before",!\nwrite nothing\nwrite "after"');
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "before\n" });
      expect(stderr).toMatch(/line 2 of the script in namespace USER: .*<UNDEFINED>/);
    });

    it("says how to create a namespace that does not exist, by a command that works", async () => {
      await run("up", image);
      const { exitCode, stdout, stderr } = await session("write 1", "nope");
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
      expect(stderr).toMatch(/Namespace NOPE does not exist in container iris_\w+\.\nNothing was run\.\n/);
      const command = / iris-ports (up .*)$/m.exec(stderr)?.[1] ?? "";
      expect(command).toBe(`up --project ${sandbox.directory} --namespace NOPE`);
      expect(await run(...command.split(" "))).toMatchObject({ exitCode: 0 });
      expect((await session("write $namespace", "nope")).stdout).toBe("NOPE\n");
    });

    it.each([".", "../shop", "/srv/shop"])("takes %j for a project that belongs to --project", async (path) => {
      expect(await session("write 1", path)).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining(`iris-ports session --project ${path}\n`),
      });
    });

    it("takes the registry and the instance along into the command that names the project", async () => {
      const registry = path("other-registry.json");
      const named = await session("write 1", "../shop", "--instance", "two", "--registry", registry);
      expect(named.stderr).toContain(`iris-ports session --project ../shop --instance two --registry ${registry}\n`);
    });

    it("says how to start IRIS where it does not run", async () => {
      expect(await session("write 1")).toMatchObject({
        exitCode: 6,
        stderr: expect.stringMatching(/iris-ports up --project/),
      });
      await run("assign");
      expect(await session("write 1")).toMatchObject({
        exitCode: 8,
        stderr: expect.stringMatching(/does not run\.[\s\S]*iris-ports up --project/),
      });
    });
  });

  describe("leaves nothing behind", () => {
    afterEach(async () => {
      expect(await containers()).toEqual([]);
      expect(await sandbox.json("list")).toEqual([]);
    });

    it("without a docker command", async () => {
      const { exitCode, stderr } = await sandbox.run(["up", image], {
        ...environment(),
        PATH: dirname(process.execPath),
      });
      expect({ exitCode, stderr }).toEqual({
        exitCode: 8,
        stderr: expect.stringMatching(/The docker command cannot be run/),
      });
    });

    it("where the port is in use by another program", async () => {
      await listenOn(range[0], "127.0.0.1");
      const { exitCode, stderr } = await run("up", image, "--port", String(range[0]));
      expect({ exitCode, stderr }).toEqual({ exitCode: 4, stderr: expect.stringMatching(/is in use by/) });
    });

    it.each(["SIGINT", "SIGTERM"] as const)("when %s interrupts it in the middle", async (signal) => {
      const child = sandbox.start(["up", image, "--env", "IRIS_STANDIN_START_MS=600000"], environment());
      const ended = resultOf(child);
      await eventually(async () => ((await containers()).length > 0 ? true : undefined));
      child.kill(signal);
      const { exitCode, stderr } = await ended;
      expect(exitCode).toBe(signal === "SIGINT" ? 130 : 143);
      expect(stderr).toMatch(/Interrupted\. Nothing was left behind\.\n$/);
    });

    it.each([
      [["up", "--image", "-x"], /is not a reference to an image/],
      [["up", "no-such-image:never", "--pull", "never"], /no-such-image:never/],
      [["up", "--username", "dev"], /--username comes without --password-file/],
      [["up", "--password-file", "missing"], /--password-file does not exist/],
      [["up", "--license-key", "."], /--license-key is not a file/],
      [["up", "--env", "=x"], /An --env names no variable/],
      [["up", "--pull", "sometimes"], /--pull is not known/],
      [["up", "--start-timeout", "soon"], /--start-timeout is not a duration/],
      [["up", "no-such-image:never", "--wait", "soon"], /--wait is not a duration/],
      [["up", "no-such-image:never", "--port", "ninety"], /--port is not a port/],
      [["up", "no-such-image:never", "--range", "5-1"], /--range is not a range of ports/],
      [["up", "--project", "missing"], /does not exist/],
    ])("for %j", async (args, words) => {
      const { exitCode, stderr } = await run(...args);
      expect(exitCode).not.toBe(0);
      expect(stderr).toMatch(words);
    });
  });

  it("leaves a container alone that it did not start", async () => {
    await run("assign");
    const { containerName } = (await sandbox.json("port")) as PortAssignment;
    await docker("run", "--detach", "--name", containerName, "--publish", `127.0.0.1:${range[0]}:1972`, image);
    try {
      const { exitCode, stderr } = await run("down");
      expect({ exitCode, stderr }).toEqual({
        exitCode: 8,
        stderr: expect.stringMatching(/was not started by `iris-ports up`/),
      });
      expect((await dockerCli(["inspect", containerName])).exitCode).toBe(0);
    } finally {
      await docker("rm", "--force", containerName);
    }
  });

  it("follows the log until it is interrupted", async () => {
    await run("up", image);
    const child = sandbox.start(["logs", "-f"], environment());
    const ended = resultOf(child);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ exitCode: 130, stdout: expect.stringContaining("InterSystems IRIS") });
  });
});
