import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { ensureEchoStandin, ensureStandin } from "../../scripts/build-standin.ts";
import { runCommand } from "../../scripts/run-command.ts";
import { diagnoseLog } from "../../src/iris/log-lines.ts";
import { type SessionCommand, sessionCommand } from "../../src/iris/session/session-command.ts";
import { pingScript, setupScript } from "../../src/iris/session-scripts.ts";
import { parseSetupOutput } from "../../src/iris/setup-output.ts";
import { askIdentity, docker, dockerCli, eventually, RunningStandin, startedStandin } from "../helpers/engine.ts";

const PATIENT = { IRIS_STANDIN_SIGNON_MS: "0" };

beforeAll(async () => {
  await ensureStandin();
});

describe("the image", () => {
  test("is built once if several processes request it at the same time", async () => {
    const script = fileURLToPath(new URL("../../scripts/build-standin.ts", import.meta.url));
    const dangling = () =>
      docker("images", "--quiet", "--filter", "dangling=true", "--filter", "label=io.iris-ports.fixture");
    const before = await dangling();
    const results = await Promise.all([1, 2, 3].map(() => runCommand(process.execPath, [script])));
    expect(results.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual(results.map(() => [0, ""]));
    expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(1);
    expect(await dangling()).toBe(before);
  });

  test("that is not IRIS answers on the port it is told", async () => {
    const image = await ensureEchoStandin();
    const environment = ["--env", "ECHO_PORT=9000", "--env", "ECHO_IDENTITY=green"];
    await using echo = new RunningStandin(
      await docker("run", "--detach", "--publish", "127.0.0.1::9000", ...environment, image),
    );
    await eventually(async () => ((await echo.logs()).includes("echo-standin listens on 9000") ? true : undefined));
    expect(await askIdentity("127.0.0.1", await echo.hostPort(9000))).toBe(
      `echo-standin ${echo.id.slice(0, 12)} green`,
    );
  });
});

describe("a start", () => {
  test("opens 1972 and refuses sessions before logons are enabled", async () => {
    const environment = { IRIS_STANDIN_START_MS: "60000", IRIS_STANDIN_IDENTITY: "blue" };
    await using standin = await startedStandin({ environment, isImpatient: true });
    const port = await standin.hostPort(1972);
    const answer = await eventually(() => askIdentity("127.0.0.1", port).catch(() => undefined));
    expect(answer).toBe(`iris-standin ${standin.id.slice(0, 12)} blue`);
    const { exitCode, stdout } = await standin.session(pingScript());
    expect(exitCode).toBe(239);
    expect(parseSetupOutput(stdout)).toMatchObject({
      isSignedOn: false,
      words: "Sign-on inhibited: Startup or Installation in progress",
    });
    expect(await standin.logs()).not.toContain("Enabling logons");
  });

  test("still refuses sessions for a moment after logons were enabled", async () => {
    await using standin = await startedStandin({ environment: { IRIS_STANDIN_SIGNON_MS: "1500" } });
    expect(await standin.logs()).toContain("Enabling logons");
    expect((await standin.session(pingScript())).exitCode).toBe(239);
    await eventually(async () =>
      parseSetupOutput((await standin.session(pingScript())).stdout).isOk ? true : undefined,
    );
  });

  test("logs the lines of IRIS in their order", async () => {
    await using standin = await startedStandin({
      environment: PATIENT,
      command: ["--after", "echo done", "--check-caps", "false"],
    });
    const log = await eventually(async () =>
      /executed command echo/.test(await standin.logs()) ? standin.logs() : undefined,
    );
    expect(log.split("\n").map((line) => line.replace(/^.*\[Utility\.Event\] /, ""))).toEqual([
      "[INFO] Starting InterSystems IRIS instance IRIS...",
      "Private webserver started on 52773",
      "Enabling logons",
      "[INFO] ...started InterSystems IRIS instance IRIS",
      "[INFO] Executing command echo done...",
      "done",
      "[INFO] ...executed command echo done",
      "",
    ]);
    expect(diagnoseLog(log)).toBeUndefined();
  });

  test("serves the web port, unless it is an edition without a web server", async () => {
    await using standin = await startedStandin();
    const answer = await fetch(`http://127.0.0.1:${await standin.hostPort(52773)}/`);
    expect(await answer.text()).toBe(`iris-standin ${standin.id.slice(0, 12)}\n`);
    await using other = await startedStandin({ environment: { IRIS_STANDIN_WEB: "no" } });
    expect(await other.logs()).not.toContain("webserver");
    await expect(fetch(`http://127.0.0.1:${await other.hostPort(52773)}/`)).rejects.toThrow("fetch failed");
  });

  test("reads the merge file and the licence key", async () => {
    const directory = await mkdtemp(join(tmpdir(), "iris-ports-test-"));
    try {
      await writeFile(join(directory, "merge.cpf"), "[config]\n", { mode: 0o644 });
      await writeFile(join(directory, "iris.key"), "12345", { mode: 0o644 });
      const bind = ["--volume", `${directory}:/conf:ro`];
      const environment = { ISC_CPF_MERGE_FILE: "/conf/merge.cpf" };
      await using standin = await startedStandin({
        environment,
        arguments: bind,
        command: ["--key", "/conf/iris.key"],
      });
      expect(await standin.logs()).toContain("Merging /conf/merge.cpf");
      expect(await standin.logs()).toContain("License key /conf/iris.key: 5 bytes");
      expect(await standin.file("/var/lib/standin/merged.cpf")).toBe("[config]\n");
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test.each([
    ["license", /refuses its licence.*may have exceeded core limit/, /docker pull .*iris-community:latest-em/],
    [
      "fatal",
      /"Error starting InterSystems IRIS" \(Command "iris start IRIS quietly" exited with status 256\)/,
      /last lines of its log/,
    ],
    ["late", /asked to die/, /last lines of its log/],
  ])("dies as asked (%s), and its log says why", async (kind, what, remedy) => {
    await using standin = await startedStandin({ environment: { IRIS_STANDIN_DIE: kind }, isImpatient: true });
    expect(await standin.exitCode()).toBe(1);
    const diagnosis = diagnoseLog(await standin.logs());
    expect(diagnosis?.what).toMatch(what);
    expect(diagnosis?.remedy).toMatch(remedy);
  });

  test("dies of a merge file that does not exist", async () => {
    await using standin = await startedStandin({ environment: { ISC_CPF_MERGE_FILE: "/none" }, isImpatient: true });
    expect(await standin.exitCode()).toBe(1);
    expect(diagnoseLog(await standin.logs())?.what).toContain("/none");
  });

  test("ends at once, also while it is starting", async () => {
    await using standin = await startedStandin({ environment: { IRIS_STANDIN_START_MS: "60000" }, isImpatient: true });
    await eventually(async () => ((await standin.logs()) === "" ? undefined : true));
    // With an exit code of 137 it would have been killed after the 10 s of `docker stop`.
    await docker("stop", standin.id);
    expect(await standin.exitCode()).toBe(0);
    expect(await standin.logs()).toContain("...shut down InterSystems IRIS instance IRIS");
  });
});

describe("a session", () => {
  test("creates user and namespace, and reports each step", async () => {
    await using standin = await startedStandin({ environment: PATIENT });
    const { exitCode, stdout } = await standin.session(
      setupScript({ username: "alice", password: 'a "b" é😀\\$c', namespace: "shop" }),
    );
    expect(exitCode).toBe(0);
    expect(parseSetupOutput(stdout)).toEqual({
      isOk: true,
      isSignedOn: true,
      succeeded: ["ping", "passwords", "user", "namespace"],
      failed: [],
      words: undefined,
    });
    expect(stdout).not.toContain("é😀");
    expect(await standin.file("/var/lib/standin/users")).toContain('alice\ta "b" é😀\\$c\t1\n');
    expect(await standin.file("/var/lib/standin/namespaces")).toBe("%SYS\nUSER\nSHOP\n");
    expect(await standin.file("/var/lib/standin/unexpired")).toBeDefined();
    const questions = [
      'write ##class(Security.Users).Exists("ALICE"),!',
      'write ##class(%SYS.Namespace).Exists("NONE"),!',
      "halt",
    ];
    const answers = (await standin.session(questions.join("\n"))).stdout;
    expect(answers.match(/%SYS>(\d)/g)).toEqual(["%SYS>1", "%SYS>0"]);
  });

  test("may be repeated or run twice at once, and sets the password of an existing user", async () => {
    await using standin = await startedStandin({ environment: PATIENT });
    const names = ["_SYSTEM", "bob", "carol", "bob"];
    const results = await Promise.all(
      names.map((username) =>
        standin.session(setupScript({ username, password: `pw-${username}`, namespace: "SHOP" })),
      ),
    );
    expect(results.map(({ stdout }) => parseSetupOutput(stdout).isOk)).toEqual([true, true, true, true]);
    const users = ((await standin.file("/var/lib/standin/users")) ?? "").trim().split("\n").sort();
    expect(users).toEqual([
      "Admin\tSYS\t0",
      "SuperUser\tSYS\t0",
      "_SYSTEM\tpw-_SYSTEM\t1",
      "bob\tpw-bob\t2",
      "carol\tpw-carol\t1",
    ]);
    expect(await standin.file("/var/lib/standin/namespaces")).toBe("%SYS\nUSER\nSHOP\n");
  });

  test("reports in IRIS's own words what it refuses, and carries out the rest", async () => {
    await using standin = await startedStandin({ environment: { ...PATIENT, IRIS_STANDIN_REFUSE: "user" } });
    const { exitCode, stdout } = await standin.session(
      setupScript({ username: "alice", password: "secret", namespace: "SHOP" }),
    );
    expect(exitCode).toBe(0);
    expect(parseSetupOutput(stdout)).toEqual({
      isOk: false,
      isSignedOn: true,
      succeeded: ["ping", "passwords", "namespace"],
      failed: [{ step: "user", words: "ERROR #845: Password does not match length or pattern requirements" }],
      words: undefined,
    });
    expect(stdout).not.toContain("secret");
  });

  test("refuses passwords that are too short and new namespaces with a hyphen, as IRIS does", async () => {
    await using standin = await startedStandin({ environment: PATIENT });
    const { stdout } = await standin.session(setupScript({ username: "alice", password: "ab", namespace: "MY-SHOP" }));
    expect(parseSetupOutput(stdout).failed).toEqual([
      { step: "user", words: "ERROR #845: Password does not match length or pattern requirements" },
      { step: "namespace", words: "SQLCODE -343: Invalid database name MY-SHOP" },
    ]);
  });

  test("takes its script from the environment if there is no stdin", async () => {
    await using standin = await startedStandin({ environment: PATIENT });
    const { command, env } = sessionCommand(setupScript({ namespace: "SHOP" })) as SessionCommand;
    const variables = Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
    const { stdout } = await dockerCli(["exec", ...variables, standin.id, ...command]);
    expect(parseSetupOutput(stdout)).toMatchObject({ isOk: true, succeeded: ["ping", "passwords", "namespace"] });
  });

  test("knows no other statement, and no other instance", async () => {
    await using standin = await startedStandin({ environment: PATIENT });
    expect(parseSetupOutput((await standin.session("set x=1\nhalt\n")).stdout).words).toBe("<SYNTAX>");
    const { exitCode, stdout } = await dockerCli(["exec", "-i", standin.id, "iris", "session", "iris2"]);
    expect([exitCode, parseSetupOutput(stdout).words]).toEqual([1, "Instance 'iris2' is not defined"]);
  });
});
