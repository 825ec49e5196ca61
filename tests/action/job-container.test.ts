import { describe, expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { docker } from "../helpers/engine.ts";
import { FakeHost } from "../helpers/fake-runner.ts";
import { JobContainer, WORKSPACE } from "../helpers/job-container.ts";

const isLinux = process.platform === "linux";

test.runIf(isLinux)("A8: two job containers of one host that share a registry have different ports", async () => {
  const host = await FakeHost.create();
  const jobs = [await JobContainer.start(host), await JobContainer.start(host)];
  for (const [index, job] of jobs.entries()) {
    const id = String(index + 100);
    const main = await job.step("main", { ...job.shared, "job-check-run-id": id, "max-job-minutes": "30" });
    expect(main).toMatchObject({ exitCode: 0, stderr: "" });
    expect(main.stdout).not.toMatch(/^::(warning|error)/m);
  }
  // Both have the same workspace, as far as they can see.
  expect(host.assignments.map(({ project_path }) => project_path)).toEqual([WORKSPACE, `${WORKSPACE}#job2`]);
  const [holder] = host.document.iris_ports.holders[WORKSPACE];
  expect(holder.process).toBeUndefined();
  const minutes = (Date.parse(holder.expires_at) - Date.parse(holder.since)) / 60_000;
  expect(minutes).toBeCloseTo(30, 0);
});

test.runIf(isLinux)(
  "A4: the next job takes over the port of a job container that was removed without its post",
  async () => {
    const host = await FakeHost.create();
    for (const instance of ["", "db"]) {
      const killed = await JobContainer.start(host);
      const before = await killed.step("main", { ...killed.shared, "job-check-run-id": "1", instance });
      expect(before.exitCode).toBe(0);
      // As a runner does it with what is left of its last job.
      await docker("rm", "--force", killed.id);
      const job = await JobContainer.start(host);
      const main = await job.step("main", { ...job.shared, "job-check-run-id": "2", instance });
      expect(main).toMatchObject({ exitCode: 0, stderr: "" });
      expect(main.stdout).toMatch(/^Released port \d+ .*: the job or process that held it has ended\.$/m);
      expect(host.assignments.map(({ project_path }) => project_path)).toEqual([
        instance === "" ? WORKSPACE : `${WORKSPACE}#${instance}`,
      ]);
      await job.step("post", {}, await job.state());
    }
  },
);

test.runIf(isLinux)("a registry that no other job of the host can see causes a warning with a remedy", async () => {
  const host = await FakeHost.create();
  const job = await JobContainer.start(host);
  const inputs = { "port-range": host.ports.join("-"), "job-check-run-id": "7" };
  const main = await job.step("main", inputs);
  expect(main.exitCode).toBe(0);
  expect(main.stdout).toMatch(/^::warning title=iris-ports::This job runs in a container.*volumes: .*registry-path: /m);
  // act's containers share the host's network, but not its home directory.
  const act = await job.step("main", inputs, { ACT: "true", GITHUB_WORKSPACE: "/home/dev/shop" });
  expect(act.stdout).toMatch(/^::warning title=iris-ports::This job runs in a container/m);
  const hosted = await job.step("main", inputs, { RUNNER_ENVIRONMENT: "github-hosted" });
  expect(hosted.stdout).not.toMatch(/^::warning/m);
});

test.runIf(isLinux)(
  "IRIS beside a job container is reached under the host's name there, and goes with the job",
  async () => {
    const host = await FakeHost.create();
    const job = await JobContainer.start(host);
    const main = await job.step("main", { ...job.shared, "job-check-run-id": "8", image: await ensureStandin() });
    expect(main).toMatchObject({ exitCode: 0, stderr: "" });
    expect(main.stdout).not.toMatch(/^::(warning|error)/m);
    const env = await job.read("ENV");
    const [, irisHost = ""] = /^IRIS_HOST<<.*\n(.*)$/m.exec(env) ?? [];
    expect(irisHost).not.toBe("127.0.0.1");
    // Its password is well known, so it must not be open to the network: only the job's gateway leads to it.
    const port = host.assignments[0]?.port;
    expect(await docker("port", host.containerNames[0] as string)).toBe(`1972/tcp -> ${irisHost}:${port}`);
    const answer = await job.connect(irisHost, String(host.assignments[0]?.port));
    expect(answer.stdout).toMatch(/^iris-standin /);

    const post = await job.step("post", {}, await job.state());
    expect(post.stdout).toMatch(/Removed container iris_\w+\./);
    expect(host.assignments).toEqual([]);
  },
);

describe.each([
  ["act", {}],
  ["Forgejo's runner", { FORGEJO_ACTIONS: "true" }],
])("a job container of %s", (_, more) => {
  const env = { ACT: "true", GITHUB_WORKSPACE: "/workspace/shop/shop", ...more };

  test.runIf(isLinux)("in a network of its own reaches IRIS at the host's address there", async () => {
    const host = await FakeHost.create();
    const job = await JobContainer.start(host);
    const main = await job.step("main", { ...job.shared, image: await ensureStandin() }, env);
    expect(main).toMatchObject({ exitCode: 0, stderr: "" });
    const [, irisHost = ""] = /^IRIS_HOST<<.*\n(.*)$/m.exec(await job.read("ENV")) ?? [];
    expect((await job.connect(irisHost, String(host.assignments[0]?.port))).stdout).toMatch(/^iris-standin /);
    await job.step("post", {}, { ...env, ...(await job.state()) });
    expect(host.assignments).toEqual([]);
  });

  test.runIf(isLinux)(
    "in the host's network has its port at the loopback address, also without an engine",
    async () => {
      const host = await FakeHost.create();
      const job = await JobContainer.start(host, "--network", "host");
      const main = await job.step("main", job.shared, { ...env, PATH: "/nowhere" });
      expect(main).toMatchObject({ exitCode: 0, stderr: "" });
      expect(main.stdout).toContain(`Assigned port ${host.ports[0]} (127.0.0.1:${host.ports[0]})`);
    },
  );
});

test.runIf(isLinux)("a job container in the host's network reaches IRIS at the loopback address", async () => {
  const host = await FakeHost.create();
  const job = await JobContainer.start(host, "--network", "host");
  const main = await job.step("main", { ...job.shared, "job-check-run-id": "9", image: await ensureStandin() });
  expect(main).toMatchObject({ exitCode: 0, stderr: "" });
  expect(main.stdout).not.toMatch(/^::(warning|error)/m);
  const port = host.assignments[0]?.port;
  expect(await docker("port", host.containerNames[0] as string)).toBe(`1972/tcp -> 127.0.0.1:${port}`);
});

test.runIf(isLinux)("if IRIS must listen on every address, its well-known password causes a warning", async () => {
  const host = await FakeHost.create();
  const job = await JobContainer.start(host);
  const [, gateway = ""] = /^default via (\S+)/.exec(await docker("exec", job.id, "ip", "route")) ?? [];
  const env = { TESTCONTAINERS_HOST_OVERRIDE: gateway };
  const inputs = { ...job.shared, "job-check-run-id": "10", image: await ensureStandin() };
  const main = await job.step("main", inputs, env);
  expect(main).toMatchObject({ exitCode: 0, stderr: "" });
  expect(main.stdout).toMatch(/^::warning title=iris-ports::IRIS listens on every address .*%0ATo fix: .*`password`/m);
  const safe = await job.step("main", { ...inputs, password: "a good one" }, env);
  expect(safe.exitCode).toBe(0);
  expect(safe.stdout).not.toMatch(/^::warning/m);
});
