import fs from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCommand } from "../../scripts/run-command.ts";
import { CliSandbox } from "../helpers/cli.ts";
import { webPortRange } from "../helpers/web-ports.ts";

describe("iris-ports env", () => {
  let sandbox: CliSandbox;
  let range: string;
  let first: number;

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
    const ports = await webPortRange(4);
    first = ports[0];
    range = ports.join("-");
  });
  afterEach(() => sandbox[Symbol.dispose]());

  const run = (...args: string[]) => sandbox.run(["--range", range, ...args]);
  const path = (name: string) => join(sandbox.directory, name);
  const read = (name: string) => fs.readFileSync(path(name), "utf8");
  const write = (name: string, text: string) => fs.writeFileSync(path(name), text);

  it("prints what a shell can evaluate, and assigns a port with a web port until it is released", async () => {
    const { stdout, exitCode, stderr } = await run("env", "shop");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const shell = await runCommand("sh", ["-c", `${stdout}\necho "$IRIS_PORT $IRIS_WEB_PORT $IRIS_PORTS_PROJECT"`]);
    expect(shell.stdout).toBe(`${first} ${first + 50801} ${path("shop")}\n`);
    expect(await sandbox.json("list")).toMatchObject([{ port: first, holders: [{ kind: "manual" }] }]);
    expect((await run("env", "shop")).stdout).toBe(stdout);
  });

  it("prints JSON with every variable", async () => {
    const variables = JSON.parse((await run("env", "shop", "--format", "json", "--namespace", "shop")).stdout);
    expect(variables).toEqual({
      IRIS_HOST: "127.0.0.1",
      IRIS_PORT: String(first),
      IRIS_WEB_PORT: String(first + 50801),
      IRIS_NAMESPACE: "SHOP",
      IRIS_USERNAME: "_SYSTEM",
      IRIS_CONTAINER_NAME: expect.stringMatching(/^iris_[0-9a-f]{8}_\d+$/),
      IRIS_PORTS_PROJECT: path("shop"),
      COMPOSE_PROJECT_NAME: expect.stringMatching(/^shop-[0-9a-f]{8}$/),
    });
  });

  it("warns if Node cannot read back a path with both quotation marks", async () => {
    const project = sandbox.project(`it's a "shop"`);
    expect(await run("env", project, "--write", ".env")).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/warning: Node's --env-file cannot read IRIS_PORTS_PROJECT in .*\.env: /),
    });
    expect(parseEnv(read(".env"))["IRIS_PORTS_PROJECT"]).not.toBe(project);
    expect((await run("env", sandbox.project("it's"), "--write", "other.env")).stderr).toBe("");
    expect(parseEnv(read("other.env"))["IRIS_PORTS_PROJECT"]).toBe(path("it's"));
  });

  it("adds the web port to an assignment that has none", async () => {
    await run("assign", "shop");
    expect((await run("env", "shop", "--no-web-port")).stdout).not.toContain("WEB_PORT");
    expect((await run("env", "shop")).stdout).toContain(`IRIS_WEB_PORT='${first + 50801}'`);
    await run("assign", "other");
    expect(await sandbox.json("--range", range, "assign", "other", "--web-port")).toMatchObject({
      webPort: first + 1 + 50801,
    });
  });

  it("assigns no web port in a range that has none, unless it was requested", async () => {
    expect((await sandbox.run(["env", "shop"])).stdout).not.toContain("WEB_PORT");
    expect(await sandbox.run(["env", "shop", "--web-port"])).toMatchObject({ exitCode: 2 });
  });

  it("uses the web port that the project has, whatever the present range", async () => {
    const before = (await run("env", "shop", "--format", "vscode")).stdout;
    expect(await sandbox.run(["env", "shop", "--format", "vscode"])).toEqual({
      exitCode: 0,
      stdout: before,
      stderr: "",
    });
  });

  it("says that --port is too high if a format needs a web port", async () => {
    const { exitCode, stderr } = await run("env", "shop", "--format", "toml", "--port", "14735");
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringMatching(/^To fix: give --port up to 14734, or leave it out$/m),
    });
    expect(await run("env", "shop", "--format", "toml")).toMatchObject({ exitCode: 0 });
  });

  it.each([
    ["--format", "vscode"],
    ["--write", ".iris-agentic-dev.toml"],
  ])("refuses --no-web-port with %s %s, which needs one", async (...args) => {
    const { exitCode, stderr } = await run("env", "shop", "--no-web-port", ...args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining("--no-web-port") });
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("says how to get a web port if a format needs one and the port is too high", async () => {
    const fresh = await sandbox.run(["env", "shop", "--format", "toml"]);
    expect(fresh).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/: run the command again .*--range /) });
    expect(await sandbox.json("list")).toEqual([]);
    await sandbox.run(["assign", "shop"]);
    const { exitCode, stderr } = await sandbox.run(["env", "shop", "--format", "toml"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(/^To fix: /m) });
    const [, release = ""] =
      /\(iris-ports (release \S+)\), then run the command again with lower ports/.exec(stderr) ?? [];
    expect(await sandbox.run(release.split(" "))).toMatchObject({ exitCode: 0 });
    expect(await run("env", "shop", "--format", "toml")).toMatchObject({ exitCode: 0 });
  });

  it("writes only its own lines into .env, once, and --check reports if they are out of date", async () => {
    write(".env", "SECRET=1\n# a comment\n");
    expect(await run("env", "--check", "--write", ".env")).toMatchObject({ exitCode: 1 });
    expect(await sandbox.json("list")).toEqual([]);
    expect((await run("env", "--write", ".env")).stdout).toMatch(/^Wrote port \d+ and web port \d+ to .*\.env\.\n$/);
    const written = read(".env");
    expect(written).toMatch(/^SECRET=1\n# a comment\n# iris-ports begin.*\nIRIS_HOST=127.0.0.1\n/);
    expect((await run("env", "--write", ".env")).stdout).toMatch(/is up to date/);
    expect(read(".env")).toBe(written);
    expect(await run("env", "--check")).toMatchObject({ exitCode: 0, stderr: "" });
    write(".env", written.replace(/IRIS_PORT=\d+/, "IRIS_PORT=1"));
    const { exitCode, stderr } = await run("env", "--check");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/\.env is out of date: run the same command with --write \.env instead of --check\.\n$/);
    expect(read(".env")).toContain("IRIS_PORT=1\n");
  });

  it("keeps the mode of the file, and the name of the compose project that it sets", async () => {
    write(".env", "COMPOSE_PROJECT_NAME=mine\n");
    fs.chmodSync(path(".env"), 0o640);
    await run("env", "--write", ".env");
    expect(read(".env").match(/COMPOSE_PROJECT_NAME/g)).toHaveLength(1);
    expect(fs.statSync(path(".env")).mode & 0o777).toBe(0o640);
  });

  it("writes several files at once, each in the format of its name", async () => {
    const files = [".env", ".envrc", ".vscode/settings.json", ".iris-agentic-dev.toml"];
    const { exitCode, stderr } = await run("env", ...files.flatMap((file) => ["--write", file]));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(read(".env")).toContain(`\nIRIS_PORT=${first}\n`);
    expect(read(".envrc")).toContain(`\nexport IRIS_PORT='${first}'\n`);
    const { "objectscript.conn": conn, "intersystems.servers": servers } = JSON.parse(read(".vscode/settings.json"));
    expect(conn.port).toBe(first + 50801);
    expect(Object.values(servers)).toMatchObject([{ superServer: { port: first } }]);
    expect(read(".iris-agentic-dev.toml")).toContain(`\nweb_port = ${first + 50801}\n`);
  });

  describe("changes nothing, and assigns no port, if the file", () => {
    const cases: readonly (readonly [string, () => string, RegExp])[] = [
      ["is a directory", () => made(".env", (name) => fs.mkdirSync(name)), /is a directory/],
      [
        "is a link",
        () => made(".env", (name) => fs.symlinkSync("shared.env", name)),
        /is a symbolic link to shared\.env/,
      ],
      ["is read-only", () => made(".env", (name) => fs.writeFileSync(name, "A=1\n", { mode: 0o444 })), /is read-only/],
      [
        "is not UTF-8",
        () => made(".env", (name) => fs.writeFileSync(name, Buffer.from([0x41, 0x3d, 0xe9]))),
        /is not UTF-8/,
      ],
      [
        "sets our variables itself",
        () => made(".env", (name) => fs.writeFileSync(name, "export IRIS_PORT=1972\nIRIS_NAMESPACE=A\n")),
        /sets IRIS_PORT, IRIS_NAMESPACE outside/,
      ],
      [
        "is no JSON",
        () => made("settings.json", (name) => fs.writeFileSync(name, '{\n  "a" 1\n}')),
        /ColonExpected in line 2, column 7/,
      ],
      [
        "sets a key of ours itself",
        () => made("x.toml", (name) => fs.writeFileSync(name, 'host = "elsewhere"\n[other]\nhost = "fine"\n')),
        /sets host outside/,
      ],
      [
        "sets a quoted key of ours itself",
        () => made("x.toml", (name) => fs.writeFileSync(name, '"host" = "elsewhere"\n')),
        /sets host outside/,
      ],
      [
        "has a setting of ours that is not an object",
        () => made("settings.json", (name) => fs.writeFileSync(name, '{"objectscript.conn": "prod"}')),
        /has something other than an object in objectscript\.conn/,
      ],
      ["is not named", () => "", /The file of --write has a name that does not tell its format/],
      ["has an unknown format", () => "notes.txt", /has a name that does not tell its format/],
      ["cannot be made", () => "no/such/directory/.env", /cannot be written/],
    ];
    function made(name: string, make: (path: string) => void): string {
      make(path(name));
      return name;
    }

    it.each(cases)("%s", async (_, prepare, words) => {
      const file = prepare();
      const stat = fs.lstatSync(path(file), { throwIfNoEntry: false });
      const before = stat?.isFile() ? fs.readFileSync(path(file)) : undefined;
      const { exitCode, stdout, stderr } = await run("env", "--write", file);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      expect(stderr).toMatch(words);
      expect(stderr).toMatch(/^The file was not changed\.\nTo fix: /m);
      if (before !== undefined) expect(fs.readFileSync(path(file))).toEqual(before);
      expect(fs.lstatSync(path(file), { throwIfNoEntry: false })?.ino).toBe(stat?.ino);
      expect(await sandbox.json("list")).toEqual([]);
    });
  });

  it("turns lines that set our variables into comments with --force", async () => {
    write(".env", "IRIS_PORT=1972\nA=1\n");
    expect(await run("env", "--write", ".env", "--force")).toMatchObject({ exitCode: 0, stderr: "" });
    expect(read(".env")).toMatch(/^# IRIS_PORT=1972\nA=1\n# iris-ports begin/);
  });

  it("keeps values of several lines, whatever the lines look like", async () => {
    write(".env", 'CERT="-----\nIRIS_PORT=1\n-----"\nIRIS_NAMESPACE="A\nB"\n');
    expect(await run("env", "--write", ".env")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/sets IRIS_NAMESPACE outside/),
    });
    expect(await run("env", "--write", ".env", "--force")).toMatchObject({ exitCode: 0, stderr: "" });
    expect(read(".env")).toMatch(/^CERT="-----\nIRIS_PORT=1\n-----"\n# IRIS_NAMESPACE="A\n# B"\n# iris-ports begin/);
  });

  it("reports that VS Code ignores the host and port of a connection, and leaves it alone", async () => {
    write("settings.json", '{ "objectscript.conn": { "server": "prod" } }\n');
    const { exitCode, stderr } = await run("env", "--write", "settings.json");
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringMatching(/warning: objectscript\.conn of .*settings\.json was left alone: its server /),
    });
    expect(JSON.parse(read("settings.json"))["objectscript.conn"]).toEqual({ server: "prod" });
  });
});
