import { expect, onTestFinished, test, vi } from "vitest";
import { endOrphanedMain } from "../../action/job/orphaned-main.ts";
import type { ProcessHolder } from "../../src/registry/holder.ts";
import { IdleProcess } from "../helpers/processes.ts";

test("a main that ends just before it is signalled has ended, and post goes on", async () => {
  const idle = await IdleProcess.start();
  const { process: main } = idle.holder() as ProcessHolder;
  const kill = process.kill.bind(process);
  vi.spyOn(process, "kill").mockImplementation((pid, signal) => {
    if (signal !== "SIGINT") return kill(pid, signal);
    kill(pid, "SIGKILL");
    throw Object.assign(new Error("kill ESRCH"), { code: "ESRCH" });
  });
  onTestFinished(() => void vi.restoreAllMocks());
  expect(await endOrphanedMain(main)).toBe(true);
});
