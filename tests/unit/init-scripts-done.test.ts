import type { ExecResult } from "testcontainers";
import { expect, test } from "vitest";
import { initScriptsDone } from "../../src/containers/session/init-scripts.ts";
import { NotRunningError } from "../../src/lifecycle/start.ts";

/** A container that is asked whether its init scripts are done. */
function container(exec: () => Promise<ExecResult>) {
  return { exec, getName: () => "/iris_1" };
}

test("what the engine writes about a container that has ended is not taken for the failure of a script", async () => {
  const output = "cannot exec in a stopped state: unknown\r\n";
  const stopped = container(async () => ({ output, stdout: output, stderr: "", exitCode: 126 }));
  await expect(initScriptsDone(stopped)).rejects.toThrow(NotRunningError);
});

test.each([404, 409])("nor is the engine's refusal with status %d", async (statusCode) => {
  const refusing = container(() => Promise.reject(Object.assign(new Error("refused"), { statusCode })));
  await expect(initScriptsDone(refusing)).rejects.toThrow(NotRunningError);
});

test("another failure of the engine is passed on", async () => {
  const broken = container(() => Promise.reject(new Error("socket hang up")));
  await expect(initScriptsDone(broken)).rejects.toThrow("socket hang up");
});
