import { expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { LABEL_REGISTRY } from "../../src/registry/labels.ts";
import { docker, eventually } from "../helpers/engine.ts";
import { FakeHost } from "../helpers/fake-runner.ts";
import { JobContainer } from "../helpers/job-container.ts";

const isLinux = process.platform === "linux";

/** The processes in the container that run the action. */
async function actionsIn(job: JobContainer): Promise<string[]> {
  const list = await docker("exec", job.id, "/bin/busybox", "ps", "-o", "pid,args");
  return list.split("\n").filter((line) => line.includes("/dist/"));
}

test.runIf(isLinux)("A7: post ends the main that was cancelled in a job container, before it releases", async () => {
  const host = await FakeHost.create();
  const job = await JobContainer.start(host);
  const slow = { image: await ensureStandin(), "container-env": "IRIS_STANDIN_START_MS=60000" };
  const main = await job.startStep("main", { ...job.shared, "job-check-run-id": "1", ...slow });
  await main.said(/Starting InterSystems IRIS instance/);
  await main.cancel();
  expect(await actionsIn(job)).toHaveLength(1);
  const post = await job.step("post", { "job-check-run-id": "1" }, await job.state());
  expect(post).toMatchObject({ exitCode: 0, stderr: "" });
  expect(post.stdout).toMatch(/main process \d+ still runs/);
  expect(post.stdout).not.toMatch(/^::(warning|error)/m);
  expect(await actionsIn(job)).toEqual([]);
  expect(host.assignments).toEqual([]);
  expect(await docker("ps", "--all", "--quiet", "--filter", `label=${LABEL_REGISTRY}=${host.registryPath}`)).toBe("");
});

test.runIf(isLinux)(
  "A7: a main that was cancelled before it saved anything takes nothing after post has run",
  async () => {
    const host = await FakeHost.create();
    const job = await JobContainer.start(host);
    const slow = { image: await ensureStandin(), "container-env": "IRIS_STANDIN_START_MS=60000" };
    const main = await job.startStep("main", { ...job.shared, "job-check-run-id": "1", ...slow });
    await main.said(/Starting InterSystems IRIS instance/);
    await main.cancel();
    // The runner read the state before main wrote it.
    const post = await job.step("post", { "job-check-run-id": "1" });
    expect(post).toMatchObject({ exitCode: 0, stderr: "" });
    await eventually(async () => ((await actionsIn(job)).length === 0 ? true : undefined), 30_000);
    expect(host.assignments).toEqual([]);
    expect(await docker("ps", "--all", "--quiet", "--filter", `label=${LABEL_REGISTRY}=${host.registryPath}`)).toBe("");
  },
);
