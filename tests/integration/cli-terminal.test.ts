import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { BIN, CliSandbox } from "../helpers/cli.ts";
import { docker } from "../helpers/engine.ts";
import { oddDocker } from "../helpers/odd-docker.ts";
import { typed } from "../helpers/terminal.ts";

// util-linux' script gives a command a real terminal; other systems' script has other options.
describe.skipIf(process.platform !== "linux")("iris-ports in a terminal", () => {
  let sandbox: CliSandbox;

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
    await sandbox.run(["assign", "shop"]);
  });
  afterEach(() => sandbox[Symbol.dispose]());

  type Options = Omit<Parameters<typeof typed>[1], "cwd">;

  const inSandbox = (command: string, { env, ...options }: Options = {}) =>
    typed(command, {
      cwd: sandbox.directory,
      env: { HOME: sandbox.directory, IRIS_PORT_REGISTRY: sandbox.registryPath, ...env },
      ...options,
    });

  const inTerminal = async (command: string, options?: Options) =>
    (await inSandbox(`exec '${process.execPath}' '${BIN}' ${command}`, options)).stdout;

  it("lists in colour, with ~ for the home directory", async () => {
    // How wide a column is depends on the figures in it.
    const table = sandbox.stable(await inTerminal("list")).replace(/ {2,}/g, "  ");
    expect(table.replaceAll("\u001b", "ESC")).toMatchInlineSnapshot(`
      "ESC[1mProjectESC[22m  ESC[1mPortESC[22m  ESC[1mTypeESC[22m  ESC[1mStatusESC[22m  ESC[1mContainerESC[22m  ESC[1mHeld byESC[22m  ESC[1mAgeESC[22m
      ~/shop  ESC[1mESC[36m<port 0>ESC[39mESC[22m  auto  ESC[32mactiveESC[39m  -  manual  <age>
      0 of 10 ports in use (1972-1981), 1 outside the range
      "
    `);
  });

  it("has no colour with NO_COLOR", async () => {
    expect(await inTerminal("list", { env: { NO_COLOR: "1" } })).not.toContain("\u001b");
  });

  it("fits the table to the terminal's width", async () => {
    sandbox.project("a/directory/with/quite/a/long/name/that/does/not/fit");
    await sandbox.run(["assign", "a/directory/with/quite/a/long/name/that/does/not/fit"]);
    const table = await inTerminal("list", { columns: 70, env: { NO_COLOR: "1" } });
    expect(table).toContain("…");
    for (const line of table.split("\n")) expect(line.length).toBeLessThanOrEqual(70);
  });

  it("cuts the project, and neither the container nor the port, at 80 columns", async () => {
    const long = sandbox.project("a/directory/with/quite/a/long/name/that/does/not/fit");
    const { containerName } = (await sandbox.json("assign", long)) as { containerName: string };
    await docker("create", "--name", containerName, await ensureStandin());
    onTestFinished(async () => void (await docker("rm", containerName)));
    const table = await inTerminal("list", { columns: 80, env: { NO_COLOR: "1" } });
    const line = table.split("\n").find((row) => row.includes(containerName));
    expect(line).toMatch(/^….*not\/fit +\d+ +auto +active +iris_\w+ \(created\) /);
    for (const row of table.split("\n")) expect(row.length).toBeLessThanOrEqual(80);
  });

  it("redraws the list in its place with --watch, until Ctrl-C, and shows the cursor again", async () => {
    const { stdout, exitCode } = await inSandbox(`exec '${process.execPath}' '${BIN}' list -q --watch`, {
      question: "\u001b[1A\r\u001b[J",
      answer: "\u0003",
    });
    expect(exitCode).toBe(0);
    const first = `\u001b[?25l\r\u001b[J${sandbox.firstPort}\n`;
    expect(stdout.slice(0, first.length)).toBe(first);
    expect(stdout.endsWith("\u001b[?25h")).toBe(true);
  });

  it.each([
    ["n\r", 0],
    ["\r", 0],
    ["\u0004", 0],
    ["\u0003", 130],
  ])("clears nothing after the answer %j, and ends with %i", async (answer, expected) => {
    const { stdout, exitCode } = await inSandbox(`exec '${process.execPath}' '${BIN}' clear`, { answer });
    expect(stdout).toMatch(/Nothing was changed/);
    expect(exitCode).toBe(expected);
    expect(await sandbox.json("list")).toHaveLength(1);
  });

  it("repairs nothing after Ctrl-C, and ends as interrupted", async () => {
    writeFileSync(sandbox.registryPath, "{");
    const { stdout, exitCode } = await inSandbox(`exec '${process.execPath}' '${BIN}' doctor --repair`, {
      answer: "\u0003",
    });
    expect(stdout).toMatch(/Nothing was changed/);
    expect(exitCode).toBe(130);
    expect(readFileSync(sandbox.registryPath, "utf8")).toBe("{");
  });

  it("clears after a yes", async () => {
    expect(await inTerminal("clear", { answer: "y\r" })).toMatch(/Released 1 port/);
    expect(await sandbox.json("list")).toEqual([]);
  });

  describe("run", () => {
    /** Runs a program of Node under `iris-ports run`. */
    const runLine = (program: string) => {
      const path = join(sandbox.directory, "program.mjs");
      writeFileSync(path, program);
      return `'${process.execPath}' '${BIN}' run -- '${process.execPath}' '${path}'`;
    };

    it.each(["", "< /dev/null", "2>&1 | cat"])("lets one Ctrl-C reach the command once: %j", async (redirection) => {
      // The shell, and what is behind a pipe, ignore it. The second signal of a pair would be there before the one that the first has made it ask for.
      const line = runLine(`
        let count = 0;
        process.on("SIGINT", () => ++count === 1 && process.kill(process.ppid, "SIGTERM"));
        process.on("SIGTERM", () => { console.log(\`interrupted \${count} times\`); process.exit(); });
        console.log("up");
        setTimeout(() => process.exit(), 30_000);
      `);
      const { stdout } = await inSandbox(`trap '' INT; ${line} ${redirection}`, { question: "up", answer: "\u0003" });
      expect(stdout).toContain("interrupted 1 times");
    });

    it("passes SIGINT on if it is not in the foreground, although its input is the terminal", async () => {
      const line = runLine(`
        process.on("SIGINT", () => process.exit(5));
        process.kill(process.ppid, "SIGINT");
        setTimeout(() => process.exit(9), 10_000);
      `);
      const { exitCode } = await inSandbox(`set -m; ${line} < /dev/tty & wait $!`);
      expect(exitCode).toBe(5);
    });
  });

  it.each([
    ["s3cret-word\r", 0],
    ["\u0003", 130],
  ])(
    "asks for a password that is to come from standard input, shows none of %j, and ends with %i",
    async (answer, expected) => {
      const { containerName } = (await sandbox.json("port", "shop")) as { containerName: string };
      onTestFinished(
        async () => void (await docker("rm", "--force", "--volumes", containerName).catch(() => undefined)),
      );
      const { stdout, exitCode } = await inSandbox(
        `'${process.execPath}' '${BIN}' up ${await ensureStandin()} --project shop --username dev --password-file -; exit $?`,
        { question: "Password: ", answer },
      );
      expect(exitCode).toBe(expected);
      expect(stdout).not.toContain("s3cret");
      if (expected === 0)
        expect(await docker("exec", containerName, "cat", "/var/lib/standin/users")).toContain("dev\ts3cret-word\t");
      else expect(await sandbox.json("status", "shop")).toMatchObject({ state: "absent" });
    },
  );

  describe("session", () => {
    const range = () => ({ IRIS_PORT_RANGE: `${sandbox.firstPort}-${sandbox.firstPort + 9}` });
    const inSession = (answer: string, env: NodeJS.ProcessEnv = {}) =>
      inSandbox(`exec '${process.execPath}' '${BIN}' session --project shop`, {
        env: { ...range(), ...env },
        question: "Instance: IRIS",
        answer,
      });

    beforeEach(async () => {
      const { containerName } = (await sandbox.json("up", await ensureStandin(), "--project", "shop")) as {
        containerName: string;
      };
      return async () => void (await docker("rm", "--force", "--volumes", containerName));
    });

    // The stand-in, unlike IRIS, ends at Ctrl-C.
    it.each([
      ["halt\r", 0],
      ["\u0004", 0],
      ["\u0003", 130],
      // Docker's keys for detaching: Ctrl-P and Ctrl-Q.
      ["\u0010\u0011\rhalt\r", 0],
    ])("gives %j to IRIS, ends with %i, and leaves IRIS running", async (answer, expected) => {
      expect((await inSession(answer)).exitCode).toBe(expected);
      expect(await sandbox.json("status", "shop")).toMatchObject({ state: "running" });
    });

    it("does not leave docker behind on the terminal if a signal ends it", async () => {
      const PATH = await oddDocker(sandbox, () => [
        'case "$*" in *--tty*)',
        "  trap 'kill $!; echo told; exit 3' TERM",
        "  sleep 30 & kill -TERM $PPID; wait",
        "esac",
      ]);
      const { stdout, exitCode } = await inSession("", { PATH });
      expect(stdout).toContain("told");
      expect(exitCode).toBe(3);
    });
  });

  it("asks on standard error, because the result may go to a file", async () => {
    const file = join(sandbox.directory, "cleared.json");
    expect(await inTerminal(`clear --json > '${file}'`, { answer: "y\r" })).toMatch(/Release all of them\?/);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject([{ status: "released" }]);
  });
});
