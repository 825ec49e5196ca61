import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { showProc, systemError } from "../helpers/recorded-proc.ts";

/** The module remembers what it has seen of /proc, so each test has its own. */
let linux: typeof import("../../src/registry/host/linux-processes.ts");
beforeEach(async () => {
  vi.resetModules();
  linux = await import("../../src/registry/host/linux-processes.ts");
});

const FIRST_NAMESPACE = "pid:[4026531836]";
const stat = (pid: number, start: number | string, state = "S", threads = 11) =>
  `${pid} (node a) b) ${state} 1 ${pid} ${pid} 0 -1 4194304 1000 0 0 0 10 5 0 0 20 0 ${threads} 0 ${start} 1000 200`;
const OWN = { "/proc/self/status": `Name:\tnode\nNSpid:\t${process.pid}\nThreads:\t11\n` };
const FOREIGN = { "/proc/self/status": `Name:\tnode\nNSpid:\t990099\t${process.pid}\n` };

describe.skipIf(process.platform !== "linux")("on this Linux", () => {
  test("the calling thread is alive, and another one with its number is not", async () => {
    const worker = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
       parentPort.on("message", () => process.exit());
       import(workerData).then((linux) => parentPort.postMessage(linux.currentThread()));`,
      { eval: true, workerData: import.meta.resolve("../../src/registry/host/linux-processes.ts") },
    );
    const [thread] = (await once(worker, "message")) as [string];
    expect(thread).toMatch(/^\d+:\d+$/);
    expect(linux.observeThread(process.pid, thread)).toBe("alive");
    expect(linux.observeThread(process.pid, thread.replace(/:.*/, ":1"))).toBe("gone");
    expect(linux.observeThread(process.pid, "4000000:1")).toBe("gone");
    worker.postMessage("end");
    await once(worker, "exit");
    await expect.poll(() => linux.observeThread(process.pid, thread)).toBe("gone");
  });

  test("the main thread is the process itself", () => {
    const program = `import(${JSON.stringify(import.meta.resolve("../../src/registry/host/linux-processes.ts"))})
      .then((linux) => console.log(String(linux.currentThread())))`;
    expect(execFileSync(process.execPath, ["--eval", program], { encoding: "utf8" })).toBe("undefined\n");
  });
});

describe("the start time of a process", () => {
  const read = (pid: number) => linux.linuxStartTime(pid);

  test("is the 22nd field of its line, whatever its name is", () => {
    showProc({ ...OWN, "/proc/7/stat": stat(7, 4711) });
    expect(read(7)).toBe("4711");
    expect(() => read(8)).toThrow("ENOENT");
  });

  test.each(["Z", "X"])("is that of one that has ended in state %s", (state) => {
    showProc({ ...OWN, "/proc/7/stat": stat(7, 4711, state, 1) });
    expect(read(7)).toBe("ended");
  });

  test("is that of one that lives if only its first thread has ended", () => {
    showProc({ ...OWN, "/proc/7/stat": stat(7, 4711, "Z", 2) });
    expect(read(7)).toBe("4711");
  });

  test("is unknown if the line is cut off, and in a time namespace of its own", () => {
    showProc({ ...OWN, "/proc/7/stat": "7 (node) S 1" });
    expect(read(7)).toBe("unknown");
    showProc({ ...OWN, "/proc/7/stat": stat(7, 4711), "/proc/self/ns/time": "time:[4026532299]" });
    expect(read(7)).toBe("unknown");
  });

  test("is known in another namespace's /proc only of this process itself", () => {
    showProc({ ...FOREIGN, "/proc/self/stat": stat(990_099, 4711), "/proc/7/stat": stat(7, 1) });
    expect(read(process.pid)).toBe("4711");
    expect(read(7)).toBe("unknown");
  });

  test("is unknown in another namespace's /proc that does not show how this process is numbered", () => {
    showProc({ "/proc/self/status": "Name:\tnode\n", "/proc/self/stat": stat(1, 4711) });
    expect(read(process.pid)).toBe("unknown");
  });
});

describe("a thread", () => {
  test("is unknown in another namespace's /proc, and without a link to it", () => {
    showProc({ ...FOREIGN, "/proc/thread-self": "990099/task/990100" });
    expect(linux.currentThread()).toBeUndefined();
    expect(linux.observeThread(process.pid, "7:1")).toBe("unknown");
    showProc({ ...OWN });
    expect(linux.currentThread()).toBeUndefined();
    showProc({ ...OWN, "/proc/thread-self": "elsewhere" });
    expect(linux.currentThread()).toBeUndefined();
  });

  test("does not count as gone if it cannot be read", () => {
    showProc({ ...OWN, "/proc/7/task/8/stat": systemError("EACCES") });
    expect(linux.observeThread(7, "8:1")).toBe("unknown");
  });
});

describe("a process of a nested pid namespace, seen from the first one,", () => {
  const NESTED = { pidNamespace: "pid:[42]", pid: 7, startTime: "4711" };
  const SEEN = {
    ...OWN,
    "/proc": "1 300 self meminfo",
    "/proc/1/status": "NSpid:\t1\n",
    "/proc/300/status": "NSpid:\t300\t7\n",
    "/proc/300/stat": stat(300, 4711),
    "/proc/300/ns/pid": "pid:[42]",
  };
  const verdict = () => new linux.NestedProcesses().observe(NESTED, FIRST_NAMESPACE);

  test("is alive if a process has its pid, start time and namespace", () => {
    showProc(SEEN);
    expect(verdict()).toBe("alive");
  });

  test.each([
    ["number", { "/proc/300/status": "NSpid:\t300\t8\n" }],
    ["start", { "/proc/300/stat": stat(300, 1) }],
    ["namespace", { "/proc/300/ns/pid": "pid:[43]" }],
    ["line, because it has just ended", { "/proc/300/status": systemError("ENOENT") }],
    ["line, because it is ending", { "/proc/300/stat": systemError("ESRCH") }],
  ])("is gone where none has its %s", (_, more) => {
    showProc({ ...SEEN, ...more });
    expect(verdict()).toBe("gone");
  });

  test.each<[string, Record<string, string | NodeJS.ErrnoException>]>([
    ["the namespace of the one like it may not be read", { "/proc/300/ns/pid": systemError("EACCES") }],
    ["a process cannot be read", { "/proc/300/status": systemError("EIO") }],
    ["/proc cannot be listed", { "/proc": systemError("EMFILE") }],
    ["/proc hides other users' processes", { "/proc/1/status": systemError("ENOENT") }],
    ["/proc is another namespace's", FOREIGN],
  ])("is unknown where %s", (_, more) => {
    showProc({ ...SEEN, ...more });
    expect(verdict()).toBe("unknown");
  });

  test("is unknown from anywhere else, and without its start", () => {
    showProc(SEEN);
    expect(new linux.NestedProcesses().observe(NESTED, "pid:[42]")).toBe("unknown");
    expect(new linux.NestedProcesses().observe({ ...NESTED, startTime: "unknown" }, FIRST_NAMESPACE)).toBe("unknown");
  });
});
