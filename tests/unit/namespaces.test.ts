import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs, { readlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { observeProcess } from "../../src/registry/evidence/liveness.ts";
import type { ProcessIdentity } from "../../src/registry/holder.ts";
import { currentProcess } from "../../src/registry/host/process-identity.ts";
import { TestRegistry } from "../helpers/registry.ts";

const fixture = fileURLToPath(new URL("../fixtures/tell-identity.ts", import.meta.url));
const NODE = [process.execPath, "--disable-warning=ExperimentalWarning", fixture];
const SANDBOXES = {
  "unshare, with a /proc of its own": ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
  "unshare, with the host's /proc": ["unshare", "--pid", "--fork", "--kill-child"],
  "bubblewrap, with a /proc of its own": [
    "bwrap",
    "--dev-bind",
    "/",
    "/",
    "--unshare-pid",
    "--proc",
    "/proc",
    "--die-with-parent",
  ],
  "bubblewrap, with the host's /proc": ["bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--die-with-parent"],
};

const isFirst = process.platform === "linux" && readlinkSync("/proc/self/ns/pid") === "pid:[4026531836]";
const works = ([command = "", ...args]: readonly string[]) => spawnSync(command, [...args, "true"]).status === 0;

/** A process in a sandbox, which tells who it is and what it sees. */
class Sandboxed {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor([command = "", ...args]: readonly string[]) {
    this.#child = spawn(command, [...args, ...NODE], { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => this.kill());
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    return (await this.#lines.next()).value;
  }

  async verdictOn(identity: ProcessIdentity): Promise<string> {
    this.#child.stdin?.write(`${JSON.stringify(identity)}\n`);
    return this.line();
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}

describe.skipIf(!isFirst).each(Object.entries(SANDBOXES))("a process in a pid namespace: %s", (name, sandbox) => {
  test.skipIf(!works(sandbox))("is seen from the first namespace, and gone when it is", async () => {
    const inside = new Sandboxed(sandbox);
    const identity: ProcessIdentity = JSON.parse(await inside.line());
    expect(identity.pidNamespace).not.toBe((await currentProcess()).pidNamespace);
    expect(identity.startTime).toMatch(/^\d+$/);
    expect(await inside.line()).toBe("alive");
    // Where its namespace may not be read, it is only not called gone.
    expect(["alive", "unknown"]).toContain(await observeProcess(identity));
    expect(await observeProcess({ ...identity, startTime: "1" })).toBe("gone");
    expect(await observeProcess({ ...identity, pid: 4_000_000 })).toBe("gone");
    await inside.kill();
    await expect.poll(() => observeProcess(identity)).toBe("gone");
  });

  test.skipIf(!works(sandbox))("does not call a process gone that may only have another pid there", async () => {
    const inside = new Sandboxed(sandbox);
    const identity: ProcessIdentity = JSON.parse(await inside.line());
    await inside.line();
    expect(await inside.verdictOn(await currentProcess())).toBe("unknown");
    // The first process of the sandbox is another one in the host's /proc; that it is not this start, only itself knows.
    const first = { ...identity, pid: 1, startTime: "1" };
    const isUntold = name.includes("host's") && identity.pid !== 1;
    expect(await inside.verdictOn(first)).toBe(isUntold ? "unknown" : "gone");
    expect(await inside.verdictOn({ ...identity, pid: 4_000_000 })).toBe("gone");
  });
});

test.skipIf(!isFirst)("a pid namespace in which no process is left is gone, seen from the first one", async () => {
  const identity = { ...(await currentProcess()), pidNamespace: "pid:[1]", pid: 7, startTime: "1" };
  expect(await observeProcess(identity)).toBe("gone");
  expect(await observeProcess({ ...identity, startTime: "unknown" })).toBe("unknown");
});

test.skipIf(process.platform !== "linux")("an identity that could not be read for a moment is read again", () => {
  const script = `
    import fs from "node:fs";
    import { currentProcess } from ${JSON.stringify(new URL("../../src/registry/host/process-identity.ts", import.meta.url).href)};
    import { processHolder } from ${JSON.stringify(new URL("../../src/registry/holder.ts", import.meta.url).href)};
    const open = [];
    try { for (;;) open.push(fs.openSync("/dev/null")); } catch {}
    const first = await processHolder();
    for (const fd of open) fs.closeSync(fd);
    const second = await processHolder();
    console.log(JSON.stringify([first.process.bootId, second.process.bootId, second.process.startTime, first.id === second.id]));`;
  const args = ["-c", 'ulimit -n 64; exec "$@"', "sh", process.execPath, "--disable-warning=ExperimentalWarning"];
  const output = execFileSync("sh", [...args, "--input-type=module", "--eval", script], { encoding: "utf8" });
  const [bootBefore, bootAfter, startTime, isSameId] = JSON.parse(output);
  expect(bootBefore).toBe("unknown");
  expect(bootAfter).toMatch(/^[0-9a-f-]{36}$/);
  expect(startTime).toMatch(/^\d+$/);
  expect(isSameId).toBe(true);
});

test.skipIf(process.platform !== "linux")(
  "a worker thread holds until it is terminated, not as long as its process",
  async () => {
    const module = new URL("../../src/registry/holder.ts", import.meta.url).href;
    const script = `
    const { parentPort } = require("node:worker_threads");
    import(${JSON.stringify(module)}).then(async ({ processHolder }) => parentPort.postMessage(await processHolder()));
    setInterval(() => {}, 1e9);`;
    const worker = new Worker(script, { eval: true, execArgv: ["--disable-warning=ExperimentalWarning"] });
    onTestFinished(() => void worker.terminate());
    const [holder] = await once(worker, "message");
    expect(holder.process.pid).toBe(process.pid);
    expect(holder.process.thread).toMatch(/^\d+:\d+$/);
    expect(await observeProcess(holder.process)).toBe("alive");
    await worker.terminate();
    expect(await observeProcess(holder.process)).toBe("gone");
  },
);

test.skipIf(!isFirst)(
  "processes of other namespaces, however many, are looked for in one reading of /proc",
  async () => {
    const machine = await TestRegistry.create();
    const project = machine.project("shop");
    await machine.open().assignPort(project);
    const document = machine.json();
    const [{ process: identity, ...holder }] = document.iris_ports.holders[project];
    document.iris_ports.holders[project] = Array.from({ length: 30 }, (_, index) => ({
      ...holder,
      process: { ...identity, pid_namespace: "pid:[1]", pid: index + 1 },
    }));
    machine.write(document);
    const readings = vi.spyOn(fs, "readdirSync");
    onTestFinished(() => void readings.mockRestore());
    expect(await machine.open().listAll()).toMatchObject([{ status: "stale", holders: { length: 30 } }]);
    expect(readings.mock.calls.filter(([path]) => path === "/proc")).toHaveLength(1);
  },
);
