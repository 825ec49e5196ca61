import { once } from "node:events";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { ensureEchoStandin, ensureStandin } from "../../scripts/build-standin.ts";
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
      npm_command: undefined,
      HOME: sandbox.directory,
      IRIS_PORT_REGISTRY: sandbox.registryPath,
      IRIS_PORTS_PROJECT: sandbox.directory,
    };
    return runCommand(process.execPath, [BIN, "session", ...args], { input: script, env });
  }

  it("gives an IRIS to a directory without a package.json, for sessions, tools and the browser, until down", async () => {
    const up = await run("up", image);
    const ready = `IRIS is ready. To stop it: iris-ports down ${sandbox.directory}\n`;
    expect(up).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(ready) });
    const [assignment] = (await sandbox.json("list")) as [PortAssignment];
    expect(assignment).toMatchObject({ port: range[0], webPort: range[0] + 50801, holders: [{ kind: "manual" }] });
    expect(up.stdout).toBe(
      [
        `Project    ${sandbox.directory}`,
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
    expect(await sandbox.json("status")).toMatchObject({ state: "running", port: range[0] });
    expect((await run("logs", "--tail", "1000")).stdout).toContain("started InterSystems IRIS instance");
    const down = await run("down");
    expect(down.stdout).toBe(
      `Stopped and removed container ${assignment.containerName}.\nPort ${range[0]} stays assigned to ${sandbox.directory}. To release it: iris-ports release ${sandbox.directory}\n`,
    );
    expect(await containers()).toEqual([]);
    expect(await run("status")).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^IRIS +absent$/m) });
    expect(await sandbox.json("status")).toMatchObject({
      remedy: `start it: iris-ports up --project ${sandbox.directory}`,
    });
    expect((await run("down")).stdout).toBe(
      `Nothing to stop: project ${sandbox.directory} has no container.\nPort ${range[0]} stays assigned to ${sandbox.directory}. To release it: iris-ports release ${sandbox.directory}\n`,
    );
    expect(await run("release", sandbox.directory)).toMatchObject({ exitCode: 0 });
    expect((await run("down")).stdout).toMatch(/^Nothing to stop/);
  });

  it("L2: has every command name the same thing alike in JSON", async () => {
    const up = JSON.parse((await run("up", image, "--json")).stdout);
    const { uri, jdbcUrl, portalUrl, ...assignment } = up;
    expect(up).toEqual({
      projectPath: sandbox.directory,
      projectKey: sandbox.directory,
      port: range[0],
      webPort: range[0] + 50801,
      assignmentType: "auto",
      status: "active",
      containerName: expect.stringMatching(/^iris_/),
      assignedAt: expect.any(String),
      uri: `iris://_SYSTEM@127.0.0.1:${range[0]}/USER`,
      jdbcUrl: `jdbc:IRIS://127.0.0.1:${range[0]}/USER`,
      portalUrl: `http://127.0.0.1:${range[0] + 50801}/csp/sys/UtilHome.csp`,
    });
    for (const command of ["port", "assign"]) expect(await sandbox.json(command)).toEqual(assignment);
    expect(await sandbox.json("list")).toEqual([expect.objectContaining(assignment)]);
    for (const command of ["inspect", "status"]) expect(await sandbox.json(command)).toMatchObject(up);
    expect(JSON.parse((await run("env", "--format", "json")).stdout)).toMatchObject({
      IRIS_PORT: String(up.port),
      IRIS_WEB_PORT: String(up.webPort),
      IRIS_CONTAINER_NAME: up.containerName,
      IRIS_PORTS_PROJECT: up.projectPath,
    });
    expect(await sandbox.json("release", "--force")).toEqual({ ...assignment, status: "released" });
  });

  it.each([
    ["a process", "process \\d+ \\(node\\)"],
    ["a container", "container another_\\w+"],
  ])("says how to free the port of a kept container that %s has taken, so that its data is kept", async (kind, by) => {
    await run("up", image);
    const { containerName, port } = (await sandbox.json("port")) as PortAssignment;
    await docker("stop", "--time", "0", containerName);
    if (kind === "a process") {
      const listen = `require("node:net").createServer().listen(${port}, () => console.log("listens"))`;
      const listener = new Program(process.execPath, ["--eval", listen]);
      await listener.nextLine();
    } else {
      const name = containerName.replace("iris", "another");
      onTestFinished(async () => void (await docker("rm", "--force", name)));
      await docker("run", "--detach", "--name", name, "--publish", `127.0.0.1:${port}:1972`, image);
    }
    const { exitCode, stderr } = await run("up", image);
    expect({ exitCode, stderr }).toEqual({ exitCode: 4, stderr: expect.stringMatching(new RegExp(`, by ${by}\\.\n`)) });
    expect(stderr).toContain("The container keeps its data.");
    const [, command = ""] = /^To fix: stop that \w+: (.*?), then start again; or /m.exec(stderr) ?? [];
    await runCommand("sh", ["-c", command]);
    const again = await eventually(async () => {
      const result = await run("up", image);
      return result.exitCode === 0 ? result : undefined;
    });
    expect(again.stdout).toContain(containerName);
  });

  it("has env and inspect say that nobody knows whether the web port works, if the engine does not answer", async () => {
    await run("env");
    const nobody = { ...environment(), DOCKER_HOST: "tcp://127.0.0.1:9" };
    const warning = `warning: It is not known whether web port ${range[0] + 50801} works now: No container engine answers`;
    const inspect = await sandbox.run(["inspect", "--json"], nobody);
    expect(inspect).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(warning) });
    expect(JSON.parse(inspect.stdout)).toMatchObject({ isPortalChecked: false });
    expect(await sandbox.run(["env"], nobody)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(`IRIS_WEB_PORT='${range[0] + 50801}'`),
      stderr: expect.stringContaining(warning),
    });
  });

  describe("status, of a container on the project's port that accepts no session,", () => {
    const statusOf = async (...args: string[]) => {
      const { port } = (await sandbox.json("assign")) as PortAssignment;
      const id = await docker("run", "--detach", "--publish", `127.0.0.1:${port}:1972`, ...args);
      onTestFinished(async () => void (await docker("rm", "--force", id)));
      return eventually(async () => {
        const { exitCode, stdout } = await sandbox.run(["status", "--json"], environment());
        expect(exitCode).toBe(1);
        const found = JSON.parse(stdout);
        return found.state === "starting" && args.includes("--health-cmd") ? undefined : found;
      });
    };

    it("says failed if there is no IRIS in it", async () => {
      expect(await statusOf(await ensureEchoStandin())).toMatchObject({
        state: "failed",
        reason: "There is no `iris` command in its container.",
        remedy: expect.stringContaining("docker stop "),
        startedAt: expect.any(String),
      });
    });

    it("says unhealthy, and names the log, if the health check fails", async () => {
      const check = ["--health-cmd", "false", "--health-interval", "1s", "--health-retries", "1"];
      expect(await statusOf(...check, "--env", "IRIS_STANDIN_START_MS=60000", image)).toMatchObject({
        state: "unhealthy",
        reason: "A session says: Sign-on inhibited: Startup or Installation in progress.",
        remedy: `see what it has written: iris-ports logs ${sandbox.directory}`,
      });
    });

    it("says starting, and for how long, otherwise", async () => {
      await statusOf("--env", "IRIS_STANDIN_START_MS=60000", image);
      expect((await run("status")).stdout).toMatch(
        /^IRIS +starting \(container started \d+ s ago\)\nReason +A session says/m,
      );
    });

    it("says why it has ended", async () => {
      const found = await statusOf("--env", "IRIS_STANDIN_DIE=license", image);
      expect(found.reason ?? (await sandbox.json("status"))).toBeDefined();
      const ended = await eventually(async () => {
        const now = (await sandbox.json("status")) as { state: string };
        return now.state === "exited" ? now : undefined;
      });
      expect(ended).toMatchObject({ reason: expect.stringContaining("refuses its licence") });
    });
  });

  it.each([
    ["release", "--force"],
    ["clear", "--yes"],
  ])("is stopped by down also after its port was given back by %s %s", async (...giveBack) => {
    await run("up", image);
    const { containerName } = (await sandbox.json("port")) as PortAssignment;
    expect((await run(...giveBack)).stderr).toBe(
      `Port ${range[0]} may still be in use by container ${containerName} (running)\n` +
        `To stop it: iris-ports down ${sandbox.directory}\n`,
    );
    expect(await sandbox.json("list")).toEqual([]);
    const down = await run("down");
    expect(down).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^Stopped and removed container/) });
    expect(await containers()).toEqual([]);
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("is joined by an up without an image even after its port was released", async () => {
    const up = await run("up", image);
    const before = await containers();
    await run("release", "--force");
    expect(await run("up", "--pull", "never")).toMatchObject({ exitCode: 0, stdout: up.stdout });
    expect(await containers()).toEqual(before);
  });

  it("is found again on its port after a release, even with another range", async () => {
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

  it("is removed by down although another port was assigned where the engine is not reached", async () => {
    await run("up", image);
    await run("release");
    const DOCKER_HOST = `unix://${path("no-engine.sock")}`;
    const elsewhere = ["assign", "--port", String(range[0] + 1)];
    expect((await sandbox.run(elsewhere, { ...environment(), DOCKER_HOST })).exitCode).toBe(0);
    expect((await run("down")).stdout).toMatch(/^Stopped and removed container iris_\w+\.\nPort \d+ stays assigned/);
    expect(await containers()).toEqual([]);
  });

  it("is stopped by down without an error if the port is released by force meanwhile", async () => {
    await run("up", image);
    const release = `'${process.execPath}' '${BIN}' release --force >&2`;
    const PATH = await oddDocker(sandbox, () => [`[ "$1" != stop ] || PATH=/usr/bin:/bin ${release}`]);
    const down = await sandbox.run(["down"], { ...environment(), PATH });
    expect(down).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`Released port ${range[0]}`) });
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("is joined again at once if down was interrupted", async () => {
    const up = await run("up", image);
    const before = await containers();
    const PATH = await oddDocker(sandbox, (_, bin) => [
      `[ "$1" != stop ] || { touch '${bin}/stops'; exec sleep 600; }`,
    ]);
    const down = sandbox.start(["down"], { ...environment(), PATH });
    await eventually(async () => fs.existsSync(path("bin/stops")) || undefined);
    process.kill(-(down.pid as number), "SIGINT");
    await once(down, "close");
    expect(await run("up", image)).toMatchObject({ exitCode: 0, stdout: up.stdout });
    expect(await containers()).toEqual(before);
    expect(await run("down")).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Released port") });
    expect(await containers()).toEqual([]);
  });

  it("is stopped by two downs at once", async () => {
    await run("up", image);
    const PATH = await oddDocker(sandbox, (_, bin) => [`[ "$1" != stop ] || { touch '${bin}/stops'; sleep 1; }`]);
    const first = resultOf(sandbox.start(["down"], { ...environment(), PATH }));
    await eventually(async () => fs.existsSync(path("bin/stops")) || undefined);
    expect(await Promise.all([first, run("down")])).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
    expect(await containers()).toEqual([]);
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("is left running by down if a test still uses it, although its port was released", async () => {
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

  it("has nothing to stop if no port is assigned and there is no docker command", async () => {
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

  it("joins a running container, and releases the port with down", async () => {
    await run("up", image);
    const before = await containers();
    expect(await run("up")).toMatchObject({ exitCode: 0 });
    expect(await containers()).toEqual(before);
    expect((await run("down")).stdout).toMatch(/Released port/);
    expect(await sandbox.json("list")).toEqual([]);
  });

  it.each([
    ["opens", "exit 0", { exitCode: 0, stderr: "" }],
    ["fails", "exit 3", { exitCode: 1, stderr: expect.stringContaining("no browser could be started") }],
    ["stays", "exec sleep 30", { exitCode: 0, stderr: "" }],
  ])("has its portal opened by a browser that %s", async (_, script, result) => {
    await run("up", image);
    const PATH = await oddDocker(sandbox, () => []);
    for (const opener of ["xdg-open", "open"])
      fs.writeFileSync(path(`bin/${opener}`), `#!/bin/sh\necho "$@" > '${path("url")}'\n${script}\n`, { mode: 0o755 });
    const open = await sandbox.run(["open"], { ...environment(), PATH });
    expect(open).toMatchObject({ ...result, stdout: expect.stringMatching(/^http:\S+\n$/) });
    expect(fs.readFileSync(path("url"), "utf8")).toBe(open.stdout);
  });

  it("says how to stop a container of another image, with a command that works", async () => {
    const other = await ensureEchoStandin();
    await run("up", image);
    const { exitCode, stderr } = await run("up", other);
    expect(exitCode).toBe(8);
    const [, command = ""] = /stop it first: iris-ports (.*)$/m.exec(stderr) ?? [];
    expect(command).toBe(`down ${sandbox.directory}`);
    expect(await run(...command.split(" "))).toMatchObject({ exitCode: 0 });
    expect(await containers()).toEqual([]);
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("is refused for another image than the running one before that is pulled", async () => {
    await run("up", image);
    const other = "127.0.0.1:9/no-such-image:never";
    for (const pull of ["missing", "never"])
      expect(await run("up", other, "--pull", pull)).toMatchObject({
        exitCode: 8,
        stderr: expect.stringMatching(`does not have the requested image \\(${image} instead of ${other}\\)`),
      });
    expect((await run("up", other, "--pull", "always")).stderr).toContain("could not be pulled");
    await docker("stop", "--time", "0", ...(await containers()));
    expect((await run("up", other)).stderr).toContain("could not be pulled");
  });

  it("joins a renamed container under its new name, and down removes it", async () => {
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

  it("is found under its new name by status and down, although another container would publish its port", async () => {
    await run("up", image);
    const [id = ""] = await containers();
    const name = `renamed-${range[0]}`;
    await docker("rename", id, name);
    const other = await docker("create", "--publish", `127.0.0.1:${range[0]}:1972`, image);
    onTestFinished(async () => void (await docker("rm", "--force", other)));
    expect((await run("status")).stdout).toMatch(new RegExp(`^IRIS +running\nContainer +${name}$`, "m"));
    expect((await run("down")).stdout).toContain(`removed container ${name}.`);
  });

  it("is left running by down for another user of the named project", async () => {
    const shop = sandbox.project("shop");
    await run("up", image, "--project", shop);
    const registry = new PortRegistry({ registryPath: sandbox.registryPath, portRange: range });
    await registry.acquire(shop, { holder: manualHolder({ id: "other", usesContainer: true }) });
    expect(await run("down", shop)).toMatchObject({ exitCode: 4, stderr: expect.stringContaining(shop) });
    expect(await containers()).toHaveLength(1);
  });

  it("prevents a web port beside a lower port, which env reports with the command that removes the container", async () => {
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

  it("has env and inspect name the web port that a test of the library publishes, as open does", async () => {
    const start = { image, registryPath: sandbox.registryPath, portRange: range, project: sandbox.directory };
    const test = Program.node("start-container.ts", [JSON.stringify({ ...start, environment: {} })]);
    const { id } = JSON.parse((await test.nextLine()) ?? "{}");
    const served = /:(\d+)$/.exec(await docker("port", id, "52773/tcp"))?.[1];
    const assigned = range[0] + 50801;
    const shell = await run("env");
    expect(shell).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(`IRIS_WEB_PORT='${served}'\n`),
      stderr: expect.stringMatching(
        `warning: Web port ${served} works only now: container iris_\\w+ publishes its web server there, not on the assigned web port ${assigned}, which the next container gets\\.\n`,
      ),
    });
    expect((await run("env", "--format", "vscode")).stdout).toContain(`"objectscript.conn": {`);
    expect((await run("env", "--format", "vscode")).stdout).toContain(`"port": ${served}`);
    const portalUrl = `http://127.0.0.1:${served}/csp/sys/UtilHome.csp`;
    expect((await run("open", "--print")).stdout).toBe(`${portalUrl}\n`);
    expect(await sandbox.json("inspect")).toMatchObject({ webPort: assigned, portalUrl, isPortalChecked: true });
    expect((await run("env", "--write", ".env")).exitCode).toBe(0);
    expect(await run("env", "--check")).toMatchObject({ exitCode: 0, stderr: "" });
    test.signal("SIGUSR2");
    expect((await test.ended()).code).toBe(0);
    expect(await run("env")).toMatchObject({
      stdout: expect.stringContaining(`IRIS_WEB_PORT='${assigned}'\n`),
      stderr: "",
    });
  });

  it("makes env report, and inspect show no portal, if the container on the port publishes no web port", async () => {
    await run("env");
    const id = await docker("run", "--detach", "--publish", `127.0.0.1:${range[0]}:1972`, image);
    onTestFinished(async () => void (await docker("rm", "--force", id)));
    const { stdout, stderr } = await run("env");
    expect(stdout).toContain(`IRIS_WEB_PORT='${range[0] + 50801}'\n`);
    expect(stderr).toMatch(`Web port ${range[0] + 50801} does not work now: container `);
    expect(await sandbox.json("inspect")).not.toHaveProperty("portalUrl");
  });

  it("joins the container of a test of the library if no web port is possible", async () => {
    const high = [sandbox.firstPort, sandbox.firstPort + 9] as const;
    const start = { image, registryPath: sandbox.registryPath, portRange: high, project: sandbox.directory };
    const test = Program.node("start-container.ts", [JSON.stringify({ ...start, environment: {} })]);
    const { port } = JSON.parse((await test.nextLine()) ?? "{}");
    expect(port).toBeGreaterThan(14_734);
    const ids = await containers();
    expect(await sandbox.run(["up", image])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(`:${port}/`),
    });
    test.signal("SIGUSR2");
    expect((await test.ended()).code).toBe(0);
    expect(await containers()).toEqual(ids);
    expect(await sandbox.run(["down"])).toMatchObject({ exitCode: 0 });
    expect(await containers()).toEqual([]);
  });

  it("sets up user, namespace, merge file, licence and data directory", async () => {
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

  it("passes on options of docker create, which a test of the library need not repeat", async () => {
    const options = ["--cpuset-cpus=0", "--memory=256m", "--init"].map((option) => `--container-option=${option}`);
    const up = await run("up", image, ...options);
    expect(up).toMatchObject({ exitCode: 0 });
    const [id = ""] = await containers();
    const format = "{{.HostConfig.CpusetCpus}} {{.HostConfig.Memory}} {{.HostConfig.Init}}";
    expect(await docker("inspect", "--format", format, id)).toBe(`0 ${256 * 1024 * 1024} true`);
    const start = { image, registryPath: sandbox.registryPath, portRange: range, project: sandbox.directory };
    const test = Program.node("start-container.ts", [JSON.stringify({ ...start, environment: {} })]);
    expect(JSON.parse((await test.nextLine()) ?? "{}")).toMatchObject({ id: expect.stringContaining(id) });
    test.signal("SIGUSR2");
    await test.ended();
    expect(await run("up", image, "--container-option", "--memory=1g")).toMatchObject({
      exitCode: 8,
      stderr: expect.stringContaining("does not have the requested container options"),
    });
  });

  it("says which option limits the cores if IRIS refuses its licence", async () => {
    const { stderr } = await run("up", image, "--env", "IRIS_STANDIN_DIE=license");
    expect(stderr).toContain("limit the container with --container-option=--cpuset-cpus=0-19\n");
  });

  describe("session", () => {
    it("exits with 1 and IRIS's own words if a line fails, after the output of the lines before", async () => {
      await run("up", image);
      const { exitCode, stdout, stderr } = await session('write "before",!\nwrite nothing\nwrite "after"');
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "before\n" });
      expect(stderr).toMatch(/line 2 of the script in namespace USER: .*<UNDEFINED>/);
    });

    it("says how to create a namespace that does not exist, with a command that works", async () => {
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

    it("keeps the registry and the instance in the command that names the project", async () => {
      const registry = path("other-registry.json");
      const named = await session("write 1", "../shop", "--instance", "two", "--registry", registry);
      expect(named.stderr).toContain(`iris-ports session --project ../shop --instance two --registry ${registry}\n`);
    });

    it("says how to resume a paused container, with a command that works", async () => {
      await run("up", image);
      const [id = ""] = await containers();
      await docker("pause", id);
      const { exitCode, stderr } = await session("write 1");
      expect(exitCode).toBe(8);
      const [, command = ""] = /^To fix: resume it: docker (.*)$/m.exec(stderr) ?? [];
      expect(command).toMatch(/^unpause iris_/);
      await docker(...command.split(" "));
      expect(await session("write 1")).toMatchObject({ exitCode: 0 });
    });

    it("says how to start a container that iris-ports did not make, with a command that works", async () => {
      const { containerName, port } = (await sandbox.json("assign")) as PortAssignment;
      await docker("create", "--name", containerName, "--publish", `127.0.0.1:${port}:1972`, image);
      onTestFinished(async () => void (await docker("rm", "--force", "--volumes", containerName)));
      const { exitCode, stderr } = await session("write 1");
      expect(exitCode).toBe(8);
      const [, command = ""] = /^To fix: start it: docker (.*)$/m.exec(stderr) ?? [];
      await docker(...command.split(" "));
      await eventually(async () => (await session("write 1")).exitCode === 0 || undefined);
    });

    it("says how to wait for an IRIS that is still starting, with a command that works", async () => {
      const up = resultOf(sandbox.start(["up", image, "--env", "IRIS_STANDIN_START_MS=4000"], environment()));
      const { exitCode, stderr } = await eventually(async () => {
        const result = await session("write 1");
        return result.stderr.includes("Sign-on inhibited") ? result : undefined;
      });
      expect(exitCode).toBe(1);
      const status = await run("status", "--json");
      expect({ ...status, stdout: JSON.parse(status.stdout) }).toMatchObject({
        exitCode: 1,
        stdout: { state: "starting" },
      });
      const [, command = ""] = /^To fix: wait until IRIS has started: iris-ports (.*)$/m.exec(stderr) ?? [];
      expect(await run(...command.split(" "))).toMatchObject({ exitCode: 0 });
      expect(await session("write 1")).toMatchObject({ exitCode: 0, stdout: "1\n" });
      expect(await run("status")).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^IRIS +running$/m) });
      expect(await up).toMatchObject({ exitCode: 0 });
    });

    it("says how to start IRIS if it does not run", async () => {
      expect(await session("write 1")).toMatchObject({
        exitCode: 6,
        stderr: expect.stringMatching(/iris-ports up --project/),
      });
      await run("assign");
      expect(await session("write 1")).toMatchObject({
        exitCode: 8,
        stderr: expect.stringMatching(/does not run\.[\s\S]*iris-ports up --project/),
      });
      await run("up", image);
      const { containerName } = (await sandbox.json("port")) as PortAssignment;
      await docker("pause", containerName);
      expect(await session("write 1")).toMatchObject({
        exitCode: 8,
        stderr: expect.stringMatching(`is paused\\.\nTo fix: resume it: docker unpause ${containerName}\n`),
      });
      await docker("unpause", containerName);
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

    it("if the port is in use by another program", async () => {
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

    it("when Ctrl-C ends the wait for a port, at once", async () => {
      const other = sandbox.project("other");
      const single = { ...environment(), IRIS_PORT_RANGE: `${range[0]}-${range[0]}` };
      await sandbox.run(["assign", other], single);
      const child = sandbox.start(["up", image, "--wait", "5m"], single);
      const ended = resultOf(child);
      await eventually(async () =>
        (await sandbox.run(["list"], single)).stdout.includes("Waiting") ? true : undefined,
      );
      child.kill("SIGINT");
      expect(await ended).toMatchObject({
        exitCode: 130,
        stderr: expect.stringMatching(/Nothing was left behind\.\n$/),
      });
      expect((await sandbox.run(["list"], single)).stdout).not.toContain("Waiting");
      await sandbox.run(["release", other]);
    });

    it.each([
      [["up", "--image", "-x"], /is not a reference to an image/],
      [["up", "no-such-image:never", "--pull", "never"], /no-such-image:never/],
      [["up", "--username", "dev"], /--username needs --password-file/],
      [["up", "--password-file", "missing"], /--password-file does not exist/],
      [["up", "--license-key", "."], /--license-key is not a file/],
      [["up", "--env", "=x"], /An --env option names no variable/],
      [["up", "--container-option", "--name=x"], /--container-option has an option that is not allowed: "--name"/],
      [["up", "--container-option", "--env=A=b"], /use `--env`/],
      [["up", "--container-option", "--memory 2g"], /a word that is not an option of `docker create`/],
      [["up", "--container-option", "--memory", "2g"], /has an option without its value/],
      [["up", "--data", ""], /--data names no directory/],
      [["up", "--data", "a:b"], /--data has a colon/],
      [["up", "--pull", "sometimes"], /--pull has an unknown value/],
      [["up", "--start-timeout", "soon"], /--start-timeout is not a duration/],
      [["up", "no-such-image:never", "--wait", "soon"], /--wait is not a duration/],
      [["up", "no-such-image:never", "--port", "ninety"], /--port is not a port/],
      [["up", "no-such-image:never", "--range", "5-1"], /--range is not a range of ports/],
      [["logs", "--tail", "few"], /--tail is not a number of lines: "few"/],
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
        stderr: expect.stringMatching(
          /was not made by iris-ports with this registry[\s\S]*docker stop (\S+) && docker rm \1\n/,
        ),
      });
      expect((await dockerCli(["inspect", containerName])).exitCode).toBe(0);
      expect(await run("open", "--print")).toMatchObject({
        exitCode: 2,
        stderr: expect.stringMatching(
          /does not publish 52773\.\nTo fix: publish port 52773 when you start that container\n/,
        ),
      });
    } finally {
      await docker("rm", "--force", containerName);
    }
  });

  it("leaves a container of another project alone that would publish its port", async () => {
    const [other, shop] = [sandbox.project("other"), sandbox.project("shop")];
    await run("up", image, "--project", other);
    const [id = ""] = await containers();
    await docker("stop", "--time", "0", id);
    await run("clear", "--yes");
    const DOCKER_HOST = `unix://${path("no-engine.sock")}`;
    await sandbox.run(["assign", shop, "--port", String(range[0])], { ...environment(), DOCKER_HOST });
    expect((await run("status", shop)).stdout).toMatch(/^IRIS +absent$/m);
    expect(await run("down", shop)).toMatchObject({ exitCode: 0, stdout: expect.not.stringContaining("removed") });
    expect(await docker("ps", "--all", "--quiet", "--no-trunc", "--filter", `id=${id}`)).toContain(id);
  });

  it("leaves a container alone whose image docker commit made from its own container", async () => {
    await run("up", image);
    const [id = ""] = await containers();
    const committed = await docker("commit", id);
    onTestFinished(async () => void (await dockerCli(["rmi", "--force", committed])));
    await run("down");
    const copy = await docker("run", "--detach", committed);
    expect((await run("down")).stdout).toMatch(/^Nothing to stop/);
    expect(await run("up", image)).toMatchObject({ exitCode: 0 });
    expect(await run("down")).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Released port") });
    expect(await docker("inspect", "--format", "{{.State.Running}}", copy)).toBe("true");
    await docker("rm", "--force", copy);
  });

  it("finds the container that runs on its port, although a newer one failed to", async () => {
    await run("assign");
    const publish = ["--publish", `127.0.0.1:${range[0]}:1972`, image];
    const running = await docker("run", "--detach", ...publish);
    const failed = await docker("create", ...publish);
    onTestFinished(async () => void (await docker("rm", "--force", running, failed)));
    const status = await eventually(async () => {
      const result = await run("status");
      return result.exitCode === 0 ? result : undefined;
    });
    expect(status.stdout).toMatch(/^IRIS +running$/m);
  });

  it("runs no script that is not UTF-8, because IRIS would get only parts of it", async () => {
    await run("up", image);
    const script = path("latin1.script");
    fs.writeFileSync(script, 'write "M\xfcller"\n', "latin1");
    const stdin = fs.openSync(script, "r");
    onTestFinished(() => fs.closeSync(stdin));
    const child = sandbox.start(["session"], environment(), [stdin, "pipe", "pipe"]);
    expect(await resultOf(child)).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: expect.stringContaining("The script on standard input is not UTF-8 text.\nNothing was run."),
    });
  });

  it.each([
    ["1.29.2", (directory: string) => `cd ${directory} && docker-compose down`],
    ["2.40.1", (directory: string) => `docker compose --project-directory ${directory} down`],
  ])(
    "leaves a container of docker compose %s to compose, and up and down name its command",
    async (version, command) => {
      await run("assign");
      const compose = { "project.working_dir": sandbox.directory, version };
      const labels = Object.entries(compose).flatMap(([name, value]) => [
        "--label",
        `com.docker.compose.${name}=${value}`,
      ]);
      const id = await docker("run", "--detach", ...labels, "--publish", `127.0.0.1:${range[0]}:1972`, image);
      onTestFinished(async () => void (await docker("rm", "--force", id)));
      // Not pulled, because it could not be started.
      expect(await run("up", "iris-ports/not-there:1")).toMatchObject({
        exitCode: 4,
        stderr: expect.stringMatching(
          `^iris-ports: Docker compose runs a container of this project on port ${range[0]} already: .*\nNothing was started\\. The commands status, session and env use it already\\.\nTo fix: work with that one, or stop it where it was started: ${command(sandbox.directory)}\n`,
        ),
      });
      expect(await run("down")).toMatchObject({
        exitCode: 8,
        stderr: expect.stringContaining(`To fix: stop it where it was started: ${command(sandbox.directory)}\n`),
      });
      await run("release");
      expect(await run("up", image)).toMatchObject({
        exitCode: 4,
        stderr: expect.stringMatching(
          /^iris-ports: Docker compose runs .*\nNothing was started\.\nTo fix: work with that/,
        ),
      });
    },
  );

  it.each([
    ["SIGINT", 130],
    ["SIGHUP", 129],
  ] as const)("follows the log until %s, which ends docker as well", async (signal, exitCode) => {
    await run("up", image);
    const child = sandbox.start(["logs", "-f"], environment());
    const ended = resultOf(child);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    child.kill(signal);
    expect(await ended).toMatchObject({ exitCode, stdout: expect.stringContaining("InterSystems IRIS") });
  });
});
