import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { FakeHost } from "../helpers/fake-runner.ts";
import { dockerHangs, hangingDocker, slowDocker } from "../helpers/odd-docker.ts";

test("post without a saved state succeeds, and changes nothing", async () => {
  const host = await FakeHost.create();
  const other = host.job();
  await other.main();
  const post = await host.job().post({});
  expect(post).toMatchObject({ code: 0, stderr: "", summary: "" });
  expect(post.stdout).toContain("nothing to release");
  expect(host.assignments).toHaveLength(1);
});

test("A3: post that runs twice is harmless", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const main = await job.main();
  await job.post(main.state);
  const again = await job.post(main.state);
  expect(again.code).toBe(0);
  expect(again.stdout).not.toMatch(/^::(warning|error)/m);
});

test("A3: post leaves a port alone that another holder has", async () => {
  const host = await FakeHost.create(1);
  const job = host.job();
  const main = await job.main();
  const registry = new PortRegistry({ engine: false, registryPath: host.registryPath, portRange: host.ports });
  await registry.releasePort(job.workspace);
  const other = host.job();
  expect((await other.main()).outputs.port).toBe(main.outputs.port);

  expect((await job.post(main.state)).code).toBe(0);
  expect(host.assignments.map(({ project_path }) => project_path)).toEqual([other.workspace]);
});

test("post leaves an assignment to the other holders", async () => {
  const host = await FakeHost.create(1);
  const job = host.job();
  const main = await job.main();
  const registry = new PortRegistry({ engine: false, registryPath: host.registryPath, portRange: host.ports });
  await registry.assignPort(job.workspace);
  const post = await job.post(main.state);
  expect(post.stdout).toContain("is still held by others");
  expect(host.document.iris_ports.holders[job.workspace]).toMatchObject([{ kind: "process" }]);
});

test("post after a main that died before it had taken anything", async () => {
  const host = await FakeHost.create(1);
  const holder = host.job();
  await holder.main();
  const job = host.job();
  const main = await job.main();
  expect(main.code).toBe(1);
  expect(main.state.claim).toBeDefined();
  const post = await job.post(main.state);
  expect(post.code).toBe(0);
  expect(host.assignments.map(({ project_path }) => project_path)).toEqual([holder.workspace]);
});

test.each([
  ["a document that is not JSON", (host: FakeHost) => writeFileSync(host.registryPath, "{")],
  ["a registry that is gone", (host: FakeHost) => rmSync(host.registryPath, { recursive: true })],
])("%s is a warning at most", async (_, harm) => {
  const host = await FakeHost.create();
  const job = host.job();
  const main = await job.main();
  harm(host);
  const post = await job.post(main.state);
  expect(post).toMatchObject({ code: 0, stderr: "" });
  expect(post.stdout).not.toMatch(/^::error/m);
  expect(post.stdout).not.toMatch(/^\s+at /m);
  expect(post.stdout).not.toMatch(/trace-warnings/);
});

describe("A3: if the engine hangs while it removes a container", () => {
  const HURRIED = fileURLToPath(new URL("../fixtures/action/hurried-post.ts", import.meta.url));

  test("post that has released its port says so, and writes the summary, even if it cannot finish cleaning", async () => {
    const host = await FakeHost.create();
    const killed = host.job();
    await killed.main({ inputs: { image: await ensureStandin() } });
    const job = host.job();
    const main = await job.main();
    await killed.killWorker();
    const env = { PATH: await hangingDocker(host, "rm") };
    const post = await job.post(main.state, { env, script: HURRIED });
    expect(post).toMatchObject({ code: 0 });
    expect(post.stdout).toContain(`Released port ${main.outputs.port} (${job.workspace}).`);
    expect(post.stdout.match(/^::(warning|error).*$/gm)).toEqual([
      expect.stringContaining("The leftovers of killed jobs could not be removed"),
    ]);
    expect(post.summary).toContain("<td>yes</td>");
    expect(post.summary).toContain("not finished");
  });

  test("post that could not release in time says so, and writes the summary", async () => {
    const host = await FakeHost.create();
    const job = host.job();
    const main = await job.main({ inputs: { image: await ensureStandin() } });
    const env = { PATH: await hangingDocker(host, "rm") };
    const post = await job.post(main.state, { env, script: HURRIED });
    expect(post).toMatchObject({ code: 0 });
    expect(post.stdout).toMatch(/^::warning title=iris-ports::The port may not have been released/m);
    expect(post.summary).toContain("not finished");
  });
});

test("an incomplete state and a changed environment do not fail the job", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const main = await job.main();
  expect(await job.post({ claim: main.state.claim?.slice(0, 30) ?? "" })).toMatchObject({ code: 0 });
  expect(host.assignments).toHaveLength(1);
  const env = { IRIS_PORT_RANGE: "nonsense", IRIS_PORT_REGISTRY: "/dev/null", IRIS_PORTS_PROJECT: "nowhere" };
  expect(await job.post(main.state, { env })).toMatchObject({ code: 0 });
  expect(host.assignments).toEqual([]);
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s during post does not stop it from releasing",
  async (signal) => {
    const host = await FakeHost.create();
    const job = host.job();
    const main = await job.main({ inputs: { image: await ensureStandin() } });
    const path = await slowDocker(host, "rm");
    const state = Object.fromEntries(Object.entries(main.state).map(([name, value]) => [`STATE_${name}`, value]));
    const step = job.start("post", { env: { ...state, PATH: path } });
    await dockerHangs(host);
    step.signal(signal);
    const post = await step.result;
    expect(post).toMatchObject({ code: 0, stderr: "" });
    expect(post.stdout).toContain(`Released port ${main.outputs.port} (${job.workspace}).`);
    expect(host.assignments).toEqual([]);
  },
);

test("post of a main that refused its inputs has nothing to say against them", async () => {
  const job = (await FakeHost.create()).job();
  const inputs = { matrix: "{" };
  const main = await job.main({ inputs });
  const post = await job.post(main.state, { inputs });
  expect(post).toMatchObject({ code: 0, stderr: "" });
  expect(post.stdout).toContain("this step took no port, so there is nothing to release");
  expect(post.stdout).not.toMatch(/^::(warning|error)/m);
});
