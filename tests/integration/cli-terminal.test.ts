import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BIN, CliSandbox, resultOf } from "../helpers/cli.ts";

// util-linux' script gives a command a real terminal; other systems' script has other options.
describe.skipIf(process.platform !== "linux")("iris-ports in a terminal", () => {
  let sandbox: CliSandbox;

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
    await sandbox.run(["assign", "shop"]);
  });
  afterEach(() => sandbox[Symbol.dispose]());

  async function inTerminal(
    command: string,
    options: { columns?: number; answer?: string; env?: NodeJS.ProcessEnv } = {},
  ): Promise<string> {
    const line = `stty cols ${options.columns ?? 100}; exec '${process.execPath}' '${BIN}' ${command}`;
    const child = spawn("script", ["--quiet", "--return", "--command", line, "/dev/null"], {
      cwd: sandbox.directory,
      env: {
        ...process.env,
        TERM: "xterm",
        // Node takes no CI system that it does not know for one that shows colours.
        CI: undefined,
        HOME: sandbox.directory,
        IRIS_PORT_REGISTRY: sandbox.registryPath,
        NO_COLOR: undefined,
        FORCE_COLOR: undefined,
        ...options.env,
      },
    });
    if (options.answer !== undefined) {
      child.stdout.on("data", (chunk) => {
        if (String(chunk).includes("[y/N]")) child.stdin.write(options.answer);
      });
    }
    const { stdout } = await resultOf(child);
    return stdout.replaceAll("\r\n", "\n");
  }

  it("lists in colour, with ~ for the home directory", async () => {
    // How wide a column is depends on the figures in it.
    const table = sandbox.stable(await inTerminal("list")).replace(/ {2,}/g, "  ");
    expect(table.replaceAll("\u001b", "ESC")).toMatchInlineSnapshot(`
      "ESC[1mProjectESC[22m  ESC[1mPortESC[22m  ESC[1mTypeESC[22m  ESC[1mStatusESC[22m  ESC[1mContainerESC[22m  ESC[1mHeld byESC[22m  ESC[1mAgeESC[22m
      ~/shop  ESC[1mESC[36m<port 0>ESC[39mESC[22m  auto  ESC[32mactiveESC[39m  -  a person  <age>
      "
    `);
  });

  it("has no colour with NO_COLOR", async () => {
    expect(await inTerminal("list", { env: { NO_COLOR: "1" } })).not.toContain("\u001b");
  });

  it("fits the table into the terminal", async () => {
    await sandbox.run(["assign", "a/directory/with/quite/a/long/name/that/does/not/fit"]);
    const table = await inTerminal("list", { columns: 70, env: { NO_COLOR: "1" } });
    expect(table).toContain("…");
    for (const line of table.split("\n")) expect(line.length).toBeLessThanOrEqual(70);
  });

  it.each(["n\r", "\r", "\u0004", "\u0003"])("clears nothing after the answer %j", async (answer) => {
    expect(await inTerminal("clear", { answer })).toMatch(/Nothing was changed/);
    expect(await sandbox.json("list")).toHaveLength(1);
  });

  it("clears after a yes", async () => {
    expect(await inTerminal("clear", { answer: "y\r" })).toMatch(/1 port was given back/);
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("asks beside the result, which may go to a file", async () => {
    const file = join(sandbox.directory, "cleared.json");
    expect(await inTerminal(`clear --json > '${file}'`, { answer: "y\r" })).toMatch(/Give all of them back\?/);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject([{ status: "released" }]);
  });
});
