import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { observeProcess } from "../../src/registry/evidence/liveness.ts";
import type { ProcessIdentity } from "../../src/registry/holder.ts";
import { ACTION, installedAction } from "../helpers/action-bundle.ts";
import { docker, eventually } from "../helpers/engine.ts";
import { FakeHost, type FakeJob } from "../helpers/fake-runner.ts";
import { dockerHangs, hangingDocker } from "../helpers/odd-docker.ts";
import { startingIris } from "../helpers/starting-iris.ts";

const STUCK = fileURLToPath(new URL("../fixtures/action/stuck-post.ts", import.meta.url));

/** Waits until the main that saved its claim there has ended. */
async function mainEnded(stateFile: string): Promise<void> {
  const [, claim = "{}"] = /^claim<<.*\n(.*)$/m.exec(readFileSync(stateFile, "utf8")) ?? [];
  const { main } = JSON.parse(claim) as { main: ProcessIdentity };
  await eventually(async () => ((await observeProcess(main)) === "gone" ? true : undefined), 20_000);
}

test("A7: a main whose runner dies while the engine is asked takes nothing, and ends", async () => {
  const host = await FakeHost.create();
  const job = host.job({ env: { PATH: await hangingDocker(host, "image inspect") } });
  const stateFile = join(host.directory, "state");
  writeFileSync(stateFile, "");
  job.start("main", { inputs: { image: await ensureStandin() }, env: { GITHUB_STATE: stateFile } });
  await dockerHangs(host);
  await job.killWorker();
  await mainEnded(stateFile);
  // The next job finds every port free.
  const next = await host.job().main();
  expect(next.outputs.port).toBe(String(host.ports[0]));
});

test("A7: a main whose runner dies while IRIS starts leaves neither container nor assignment", async () => {
  const { host, job, containerName } = await startingIris();
  await job.killWorker();
  await eventually(async () => (host.assignments.length === 0 ? true : undefined), 20_000);
  await expect(docker("inspect", containerName)).rejects.toThrow(/no such/i);
});

test("A3: a main whose runner dies while it waits for a port gives up its place", async () => {
  const host = await FakeHost.create(1);
  await host.job().main();
  const job = host.job();
  const step = job.start("main", { inputs: { "wait-timeout": "300" } });
  await step.said(/place 1 in the queue/);
  await job.killWorker();
  await eventually(async () => (host.document.iris_ports.waiters.length === 0 ? true : undefined), 20_000);
});

/** Post as a runner starts it, with a reader of its output that the test decides about. */
function startPost(host: FakeHost, job: FakeJob, state: Readonly<Record<string, string>>, script?: string) {
  const files = join(host.directory, "post-files");
  mkdirSync(files);
  const env: Record<string, string> = { ...job.env, INPUT_MATRIX: "null" };
  for (const [name, value] of Object.entries(state)) env[`STATE_${name}`] = value;
  for (const name of ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"]) {
    env[name] = join(files, name);
    writeFileSync(env[name], "");
  }
  const path = script ?? join(installedAction(), ACTION.runs.post);
  const child: ChildProcess = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", path], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, ended: once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]> };
}

test("A3: post releases and ends even if its output is no longer read", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const main = await job.main();
  const { child, ended } = startPost(host, job, main.state);
  child.stdout?.destroy();
  child.stderr?.destroy();
  expect(await ended).toEqual([0, null]);
  expect(host.assignments).toEqual([]);
});

test.each(["loop", "output"])(
  "A3: post that is stuck in a busy %s ends at its limit, and fails no job",
  async (where) => {
    const host = await FakeHost.create();
    const job = host.job({ env: { STUCK_IN: where } });
    const { child, ended } = startPost(host, job, {}, STUCK);
    // A reader that is there and does not read.
    child.stdout?.pause();
    const begin = performance.now();
    expect(await ended).toEqual([0, null]);
    expect(performance.now() - begin).toBeLessThan(20_000);
  },
);
