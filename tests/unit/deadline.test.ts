import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { inTime, startDeadline } from "../../src/errors/deadline.ts";

const late = () => new Error("late");

test("gives up work that takes longer", async () => {
  await expect(inTime(new Promise(() => {}), 10, late)).rejects.toThrow("late");
});

test("passes on the result and the failure of work that ends in time", async () => {
  expect(await inTime(Promise.resolve("done"), 1_000, late)).toBe("done");
  await expect(inTime(Promise.reject(new Error("broken")), 1_000, late)).rejects.toThrow("broken");
});

test("a deadline that is lifted does not pass", async () => {
  let isLate = false;
  startDeadline(1, () => {
    isLate = true;
  })[Symbol.dispose]();
  await inTime(new Promise(() => {}), 50, late).catch(() => {});
  expect(isLate).toBe(false);
});

test.each([Number.POSITIVE_INFINITY, 1e12])("a deadline of %s ms is not one that passes at once", async (timeoutMs) => {
  expect(await inTime(sleep(100, "done"), timeoutMs, late)).toBe("done");
});

test("reads an answer that arrived in time before it gives up, although this process had no time for it", async () => {
  const child = spawn("sleep", ["0.05"]);
  const ended = once(child, "exit");
  await setImmediate();
  const answer = inTime(ended, 100, late);
  while (!hasEnded(child.pid)) block(10);
  block(200);
  expect(await answer).toEqual([0, null]);
});

/** Whether a child process is gone, or has ended and waits for this process to read that. */
function hasEnded(pid: number | undefined): boolean {
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || / Z /.test(readFileSync(stat, "utf8"));
}

/** Does nothing else, as a process that gets no processor. */
function block(timeMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeMs);
}
