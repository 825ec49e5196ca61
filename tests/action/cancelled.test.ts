import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { LABEL_REGISTRY } from "../../src/registry/labels.ts";
import { docker, eventually } from "../helpers/engine.ts";
import { FakeHost } from "../helpers/fake-runner.ts";
import { dockerHangs, hangingDocker } from "../helpers/odd-docker.ts";
import { startingIris } from "../helpers/starting-iris.ts";

/** How a runner cancels a step, and how a step notices that its terminal is gone, as under act. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

test.each(SIGNALS)("A7: %s while waiting gives up the place in the queue", async (signal) => {
  const host = await FakeHost.create(1);
  const holder = host.job();
  await holder.main();
  const job = host.job();
  const step = job.start("main", { inputs: { "wait-timeout": "300" } });
  await step.said(/place 1 in the queue/);
  step.signal(signal);
  const main = await step.result;
  expect(main).toMatchObject({ code: 128 + constants.signals[signal], stderr: "" });
  // The user cancelled it, so that is no news, and nothing was taken.
  expect(main.stdout).toMatch(new RegExp(`^The step was cancelled by ${signal}`, "m"));
  expect(main.stdout).not.toMatch(/^::(warning|error)/m);
  expect(host.document.iris_ports.waiters).toEqual([]);
  expect(host.assignments.map(({ project_path }) => project_path)).toEqual([holder.workspace]);
  expect((await job.post(main.state)).code).toBe(0);
});

test.each(SIGNALS)("A7: %s while IRIS starts leaves neither container nor assignment", async (signal) => {
  const { host, job, step, containerName } = await startingIris();
  step.signal(signal);
  const main = await step.result;
  expect(main.code).toBe(128 + constants.signals[signal]);
  expect(host.assignments).toEqual([]);
  await expect(docker("inspect", containerName)).rejects.toThrow(/no such/i);
  expect((await job.post(main.state)).code).toBe(0);
});

test.each(["image inspect", "create", "start", "exec"])(
  "SIGINT while docker %s hangs is obeyed at once, and gives back what was taken",
  async (words) => {
    const host = await FakeHost.create();
    const job = host.job({ env: { PATH: await hangingDocker(host, words) } });
    const step = job.start("main", { inputs: { image: await ensureStandin(), "container-env": "TOKEN=secret" } });
    await dockerHangs(host);
    step.signal("SIGINT");
    const signalledAt = performance.now();
    const main = await step.result;
    // The runner waits 7.5 s.
    expect(performance.now() - signalledAt).toBeLessThan(7_000);
    expect(main).toMatchObject({ code: 130, stderr: "" });
    expect(main.stdout).toMatch(/^The step was cancelled by SIGINT/m);
    expect(main.stdout).not.toMatch(/^::(warning|error)/m);
    expect(readdirSync(job.env.RUNNER_TEMP as string)).not.toContainEqual(expect.stringContaining("iris-ports"));
    if (words !== "image inspect") expect(host.assignments).toEqual([]);
    expect(await docker("ps", "--all", "--quiet", "--filter", `label=${LABEL_REGISTRY}=${host.registryPath}`)).toBe("");
  },
);

test("SIGINT while another program holds the registry's lock is a cancellation, not a failure", async () => {
  const host = await FakeHost.create();
  await host.job().main();
  const lock = spawn("flock", ["-F", host.registryPath.replace(/\.json$/, ".lock"), "sh", "-c", "echo; exec sleep 60"]);
  onTestFinished(() => void lock.kill("SIGKILL"));
  await once(lock.stdout, "data");
  const state = join(host.directory, "state");
  writeFileSync(state, "");
  const step = host.job().start("main", { env: { GITHUB_STATE: state } });
  // Main saves this state just before it assigns a port.
  await eventually(async () => readFileSync(state, "utf8").includes('"instances":[null]') || undefined);
  step.signal("SIGINT");
  const main = await step.result;
  expect(main).toMatchObject({ code: 130, stderr: "" });
  expect(main.stdout).not.toMatch(/^::(warning|error)/m);
});

test("main killed while IRIS starts: post removes the container and releases the port", async () => {
  const { host, job, step, containerName } = await startingIris();
  step.signal("SIGKILL");
  const main = await step.result;
  expect(main.signal).toBe("SIGKILL");
  const post = await job.post(main.state);
  expect(post.stdout).toContain(`Removed container ${containerName}.`);
  expect(host.assignments).toEqual([]);
  await expect(docker("inspect", containerName)).rejects.toThrow(/no such/i);
});
