import { expect, test } from "vitest";
import { identifyProcess } from "../../src/registry/host/process-identity.ts";
import { FakeHost } from "../helpers/fake-runner.ts";
import { countingDocker } from "../helpers/odd-docker.ts";

test("A2: a job gets a port, exports it to later steps, and releases it at its end", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const main = await job.main();
  expect(main).toMatchObject({ code: 0, stderr: "" });

  const [assignment] = host.assignments;
  const port = host.ports[0];
  expect(assignment).toMatchObject({ project_path: job.workspace, port });
  expect(main.outputs).toMatchObject({
    port: String(port),
    host: "127.0.0.1",
    project: job.workspace,
    instance: "",
    "container-name": host.containerNames[0],
    "web-port": "",
    "registry-path": host.registryPath,
  });
  expect(JSON.parse(main.outputs.assignment as string)).toMatchObject({
    projectPath: job.workspace,
    port,
    status: "active",
  });
  expect(main.env).toEqual({
    IRIS_PORT: String(port),
    IRIS_PORTS_USED: "true",
    IRIS_PORTS_PROJECT: job.workspace,
    IRIS_PORTS_INSTANCE: "",
    IRIS_PORT_REGISTRY: host.registryPath,
    IRIS_PORT_RANGE: host.ports.join("-"),
  });

  const [holder] = host.document.iris_ports.holders[job.workspace];
  const worker = await identifyProcess(job.worker.pid as number);
  expect(holder).toMatchObject({
    kind: "job",
    description: expect.stringMatching(/^shop\/shop CI\/test run 12\.1 on /),
    process: { pid: worker.pid, start_time: worker.startTime, boot_id: worker.bootId },
  });
  // For those who cannot see that process, such as jobs in containers.
  expect(Date.parse(holder.expires_at) - Date.parse(holder.since)).toBeCloseTo(360 * 60_000, -4);

  const post = await job.post(main.state);
  expect(post).toMatchObject({ code: 0, stderr: "" });
  expect(post.stdout).toContain(`Released port ${port} (${job.workspace}).`);
  expect(host.assignments).toEqual([]);
  expect(post.summary).toContain("<th>Port</th>");
  expect(post.summary).toContain(`<code>${port}</code>`);
  expect(post.summary).toContain(`<code>${job.workspace}</code>`);
});

test("a job without mistakes has no warnings or errors", async () => {
  const host = await FakeHost.create();
  const job = host.job({ matrix: { iris: "latest-em", suite: "api" } });
  const main = await job.main();
  const post = await job.post(main.state);
  expect(main.stdout + post.stdout).not.toMatch(/^::(warning|error)/m);
  expect(main.outputs.instance).toBe("latest-em_api");
});

test("main lists the engine's containers once, to clean and to choose, if nothing is left behind", async () => {
  const host = await FakeHost.create();
  const { path, timesRun } = await countingDocker(host, "ps");
  expect(await host.job().main({ env: { PATH: path } })).toMatchObject({ code: 0 });
  expect(timesRun()).toBe(1);
});
