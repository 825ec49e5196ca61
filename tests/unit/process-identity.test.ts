import { describe, expect, test } from "vitest";
import { holderVerdict, observeProcess } from "../../src/registry/evidence/liveness.ts";
import { manualHolder, processHolder, uniqueProcessHolder } from "../../src/registry/holder.ts";
import { currentProcess, identifyProcess, startTimeOf } from "../../src/registry/host/process-identity.ts";
import { IdleProcess, Program } from "../helpers/processes.ts";
import { showProc } from "../helpers/recorded-proc.ts";

describe("a process", () => {
  test("has the same identity at every request", async () => {
    expect(await identifyProcess(process.pid)).toEqual(await currentProcess());
    expect((await processHolder()).id).toBe((await processHolder()).id);
    expect((await uniqueProcessHolder()).id).not.toBe((await uniqueProcessHolder()).id);
  });

  test("has an identity that does not reveal the machine's id", async () => {
    const { host, bootId, pidNamespace, startTime } = await currentProcess();
    for (const text of [host, bootId, pidNamespace, startTime]) expect(text).not.toBe("");
    expect(startTime).not.toBe("unknown");
  });

  test("is told from others by its start time, even with spaces and parentheses in its name", async () => {
    const idle = await IdleProcess.start();
    expect(await observeProcess(idle.identity)).toBe("alive");
    expect(await observeProcess({ ...idle.identity, startTime: "5" })).toBe("gone");
    const renamed = new Program("python3", ["-c", RENAMED]);
    const pid = Number(await renamed.nextLine());
    expect(await startTimeOf(pid)).toMatch(/^\d+$/);
    expect(await observeProcess(await identifyProcess(pid))).toBe("alive");
  });

  test("that does not exist is gone, and has no start time", async () => {
    const idle = await IdleProcess.start();
    await idle.kill();
    expect(await startTimeOf(idle.identity.pid)).toBe("unknown");
    expect(await observeProcess(idle.identity)).toBe("gone");
  });

  test("of an unknown boot, or without a start time, is neither gone nor alive", async () => {
    const idle = await IdleProcess.start();
    expect(await observeProcess({ ...idle.identity, bootId: "unknown" })).toBe("unknown");
    expect(await observeProcess({ ...idle.identity, startTime: "unknown" })).toBe("unknown");
  });

  test.skipIf(process.platform !== "linux")("has no start time in a time namespace of its own", async () => {
    const idle = await IdleProcess.start();
    showProc({ "/proc/self/ns/time": "time:[4026532299]" }, { isOverlay: true });
    expect(await observeProcess(idle.identity)).toBe("unknown");
    expect(await observeProcess({ ...idle.identity, startTime: "unknown" })).toBe("unknown");
  });

  test("with an impossible pid is judged without an error", async () => {
    expect(await observeProcess({ ...(await currentProcess()), pid: 2 ** 40 })).toBe("unknown");
  });
});

const RENAMED = `
import os, time
with open("/proc/self/comm", "w") as f:
    f.write("a) S 1 (b")
print(os.getpid(), flush=True)
time.sleep(600)
`;

describe("a holder's verdict", () => {
  const now = new Date(1_000);

  test("follows the observation, else its time; a manual one ends with its time", async () => {
    const holder = await processHolder();
    expect(holderVerdict(holder, "gone", now)).toBe("gone");
    expect(holderVerdict({ ...holder, expiresAt: new Date(0) }, "alive", now)).toBe("alive");
    expect(holderVerdict({ ...holder, expiresAt: new Date(0) }, "unknown", now)).toBe("gone");
    expect(holderVerdict({ ...holder, expiresAt: new Date(2_000) }, "unknown", now)).toBe("unknown");
    expect(holderVerdict(holder, "unknown", now)).toBe("unknown");
    expect(holderVerdict(manualHolder(), "alive", now)).toBe("alive");
    expect(holderVerdict(manualHolder({ expiresAt: new Date(2_000) }), "alive", now)).toBe("alive");
    expect(holderVerdict(manualHolder({ expiresAt: new Date(0) }), "alive", now)).toBe("gone");
  });
});
