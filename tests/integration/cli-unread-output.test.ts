import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliSandbox, resultOf } from "../helpers/cli.ts";
import { eventually } from "../helpers/engine.ts";

describe("iris-ports with unread output", () => {
  let sandbox: CliSandbox;

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
  });
  afterEach(() => sandbox[Symbol.dispose]());

  /** The exit code of a command after the reader of its stderr has gone. */
  async function exitCode(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<unknown> {
    const child = sandbox.start(args, env);
    child.stderr?.destroy();
    child.stdout?.resume();
    return (await once(child, "exit"))[0];
  }

  it("ends with the exit code of its work", async () => {
    expect(await exitCode(["release", "shop"])).toBe(6);
  });

  it("L4: keeps holding the port of its command, and ends with that command's exit code", async () => {
    const script = "setTimeout(() => process.exit(7), 1_000)";
    const run = exitCode(["run", "--project", "shop", "--", process.execPath, "-e", script], { DEBUG: "iris-ports:*" });
    await eventually(async () => (await sandbox.run(["port", "shop"])).exitCode === 0 || undefined);
    expect(await run).toBe(7);
    expect((await sandbox.run(["port", "shop"])).exitCode).toBe(6);
  });

  it.runIf(process.platform === "linux").each([
    ["assign", "shop", "-q"],
    ["env", "shop"],
    ["assign", "shop", "--json"],
  ])("says which port stays assigned to which project where %s %s cannot write it", async (...args) => {
    const full = openSync("/dev/full", "w");
    const child = sandbox.start(args, {}, ["ignore", full, "pipe"]);
    closeSync(full);
    const { exitCode, stderr } = await resultOf(child);
    const shop = sandbox.project("shop");
    const state = `${shop} has port ${sandbox.firstPort}, and keeps it.`;
    const remedy = `write the output elsewhere, or release the port: iris-ports release ${shop}`;
    expect(exitCode).toBe(1);
    if (args.includes("--json"))
      expect(JSON.parse(stderr)).toEqual({
        error: { code: "UNEXPECTED", message: expect.stringMatching(/could not be written: ENOSPC/), state, remedy },
      });
    else expect(stderr).toMatch(new RegExp(`could not be written: ENOSPC.*\n${state}\nTo fix: ${remedy}\n$`));
    expect((await sandbox.run(["port", "shop"])).stdout).toBe(`${sandbox.firstPort}\n`);
  });
});
