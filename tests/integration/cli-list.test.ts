import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliSandbox, resultOf } from "../helpers/cli.ts";
import { eventually } from "../helpers/engine.ts";
import { IdleProcess } from "../helpers/processes.ts";

describe("iris-ports list", () => {
  let sandbox: CliSandbox;

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
    for (const project of ["shop", "other"]) await sandbox.run(["assign", project]);
  });
  afterEach(() => sandbox[Symbol.dispose]());

  it.each(["ls", "ps"])("is also called %s", async (name) => {
    expect((await sandbox.run([name, "--quiet"])).stdout).toBe((await sandbox.run(["list", "-q"])).stdout);
  });

  it("prints only the ports with --quiet", async () => {
    const { stdout } = await sandbox.run(["list", "-q"]);
    expect(sandbox.stable(stdout)).toBe("<port 0>\n<port 1>\n");
  });

  it.each([
    [["project=shop"], ["<port 0>"]],
    [
      ["project=shop", "project=other"],
      ["<port 0>", "<port 1>"],
    ],
    [["status=stale"], []],
    [["holder=manual", "type=auto", "project=other"], ["<port 1>"]],
    [["holder=process"], []],
  ])("filters by %j", async (filters, ports) => {
    const { stdout } = await sandbox.run(["list", "-q", ...filters.flatMap((filter) => ["--filter", filter])]);
    expect(sandbox.stable(stdout).split("\n").filter(Boolean)).toEqual(ports);
  });

  it.each([
    ["status", /KEY is one of project, /],
    ["color=red", /KEY is one of project, /],
    ["=x", /KEY is one of project, /],
    ["toString=x", /KEY is one of project, /],
    ["status=foo", /VALUE is one of active, stale$/m],
    ["type=", /VALUE is one of auto, manual$/m],
    ["holder=Job", /VALUE is one of process, job, manual, none$/m],
    ["port=19x", /VALUE is a port$/m],
  ])("refuses the filter %j, and says what there is", async (filter, words) => {
    const { exitCode, stdout, stderr } = await sandbox.run(["list", "--filter", filter]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(/Invalid --filter: /);
    expect(stderr).toMatch(words);
  });

  it("shows the number of further holders; all of them with --wide", async () => {
    for (const _ of Array(3)) {
      const { pid } = (await IdleProcess.start()).identity;
      await sandbox.run(["assign", "shop", "--for-pid", String(pid)]);
    }
    const narrow = (await sandbox.run(["list"])).stdout.split("\n")[1];
    expect(narrow).toMatch(/ {2}manual, 3 more {2}/);
    const wide = (await sandbox.run(["list", "--wide"])).stdout.split("\n");
    expect(wide[0]).toMatch(/Port +Web port +Type +Status +Container +Image +Held by +Age$/);
    expect(wide[1]).toMatch(/ {2}manual, process \d+ \(\w+\), process \d+ \(\w+\), process \d+ \(\w+\) {2}/);
  });

  it("shows the projects that wait for a port", async () => {
    const range = `${sandbox.firstPort}-${sandbox.firstPort + 1}`;
    const waiting = sandbox.start(["--range", range, "assign", "a", "--wait", "1m"]);
    await once(waiting.stderr as NodeJS.ReadableStream, "data");
    const { stdout } = await sandbox.run(["--range", range, "list"]);
    expect(sandbox.stable(stdout)).toContain(
      "2 of 2 ports in use (<port 0>-<port 1>)\nWaiting, place 1: <dir>/a, process ",
    );
    const ended = resultOf(waiting);
    await sandbox.run(["release", "shop"]);
    expect(await ended).toMatchObject({ exitCode: 0 });
  });

  it.skipIf(process.platform === "win32")(
    "prints the table again with --watch when it has changed, until SIGINT",
    async () => {
      const watching = sandbox.start(["list", "--quiet", "--watch"]);
      let shown = "";
      watching.stdout?.on("data", (chunk) => {
        shown += chunk;
      });
      const [one, two] = [sandbox.firstPort, sandbox.firstPort + 1];
      await eventually(async () => (shown === `${one}\n${two}\n` ? true : undefined));
      await sandbox.run(["release", "shop"]);
      await eventually(async () => (shown === `${one}\n${two}\n${two}\n` ? true : undefined));
      const ended = once(watching, "exit");
      watching.kill("SIGINT");
      expect(await ended).toEqual([0, null]);
    },
  );
});
