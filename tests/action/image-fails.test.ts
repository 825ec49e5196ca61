import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { ensureEchoStandin, ensureStandin } from "../../scripts/build-standin.ts";
import { docker } from "../helpers/engine.ts";
import { FakeHost, type FakeJob } from "../helpers/fake-runner.ts";
import { hangingDocker, thievingDocker } from "../helpers/odd-docker.ts";

/** Neither the container nor the assignment may be left. */
async function expectNothingLeft(host: FakeHost, job: FakeJob): Promise<void> {
  expect(host.assignments).toEqual([]);
  expect(await docker("ps", "--all", "--quiet", "--filter", `label=io.iris-ports.project=${job.workspace}`)).toBe("");
}

test.each([
  [
    "an expired licence",
    "IRIS_STANDIN_DIE=license",
    /CONTAINER_START::IRIS refuses its licence: .*%0ATo fix: .*docker pull/,
  ],
  ["a fatal error", "IRIS_STANDIN_DIE=fatal", /CONTAINER_START::IRIS failed to start: /],
  ["a refused namespace", "IRIS_STANDIN_REFUSE=namespace", /CONTAINER_START::IRIS refused the login or namespace/],
])("%s fails at once, in IRIS's own words, and leaves nothing", async (_, switches, words) => {
  const host = await FakeHost.create();
  const job = host.job();
  const inputs = { image: await ensureStandin(), namespace: "SHOP", "container-env": switches };
  const main = await job.main({ inputs });
  expect(main).toMatchObject({ code: 1, stderr: "", env: {} });
  expect(main.stdout).toMatch(new RegExp(`^::error title=iris-ports%3A ${words.source}`, "m"));
  await expectNothingLeft(host, job);
  expect((await job.post(main.state)).code).toBe(0);
});

test("a start that takes too long fails with a remedy", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const slow = { "container-env": "IRIS_STANDIN_START_MS=60000", "start-timeout": "2s" };
  const main = await job.main({ inputs: { image: await ensureStandin(), ...slow } });
  expect(main.stdout).toMatch(/CONTAINER_START::IRIS was not ready within 2 s: .*%0ATo fix: .*`start-timeout`/);
  await expectNothingLeft(host, job);
});

test("a container that ends, and an image that is not IRIS", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const image = await ensureEchoStandin();
  const main = await job.main({ inputs: { image } });
  expect(main.stdout).toMatch(
    /CONTAINER_START::There is no IRIS in the image \S+: its container has no `iris` command/,
  );
  await expectNothingLeft(host, job);
  const slow = { image: await ensureStandin(), "container-env": "IRIS_STANDIN_START_MS=60000" };
  const step = job.start("main", { inputs: slow });
  await step.said(/Starting InterSystems IRIS instance/);
  await docker("stop", "--time", "0", host.containerNames[0] as string);
  expect((await step.result).stdout).toMatch(
    /CONTAINER_START::The container ended before it was ready: it has exited with code \d+/,
  );
  await expectNothingLeft(host, job);
});

test("a container that is removed while IRIS starts", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const slow = { "container-env": "IRIS_STANDIN_START_MS=60000" };
  const step = job.start("main", { inputs: { image: await ensureStandin(), ...slow } });
  await step.said(/Starting InterSystems IRIS instance/);
  await docker("rm", "--force", host.containerNames[0] as string);
  expect((await step.result).stdout).toMatch(
    /CONTAINER_START::The container ended before it was ready: it (is gone|has exited)/,
  );
  await expectNothingLeft(host, job);
});

test.each(["create", "start"])(
  "an engine that hangs at docker %s ends the step, and leaves nothing",
  async (command) => {
    const host = await FakeHost.create();
    const job = host.job({ env: { PATH: await hangingDocker(host, command) } });
    const main = await job.main({ inputs: { image: await ensureStandin(), "start-timeout": "1s" } });
    expect(main).toMatchObject({ code: 1, stderr: "" });
    expect(main.stdout).toMatch(/^::error title=iris-ports%3A CONTAINER_ENGINE::.* did not answer within (0\.\d|1) s/m);
    await expectNothingLeft(host, job);
  },
);

test("an engine that hangs when asked about the container delays the step for the start time-out at most", async () => {
  const host = await FakeHost.create();
  const job = host.job({ env: { PATH: await hangingDocker(host, "exec") } });
  const main = await job.main({ inputs: { image: await ensureStandin(), "start-timeout": "1s" } });
  expect(main.stdout).toMatch(/CONTAINER_(START::IRIS was not ready|ENGINE::.* did not answer) within (0\.\d|1) s/);
  await expectNothingLeft(host, job);
});

test.each([
  ["never", "iris-ports/no-such-image:1", "is not on the container engine"],
  ["missing", "iris-ports/no-such-image:1", "could not be pulled"],
  ["always", await ensureStandin(), "could not be pulled"],
])("with `pull: %s`, %s is refused before a port is assigned: it %s", async (pull, image, words) => {
  const host = await FakeHost.create();
  const main = await host.job().main({ inputs: { image, pull } });
  expect(main.code).toBe(1);
  expect(main.stdout).toContain(`CONTAINER_START::The image ${image} ${words}.%0A`);
  expect(existsSync(host.registryPath)).toBe(false);
});

test("A5: if another program takes the port before the container starts, the next port is used", async () => {
  const host = await FakeHost.create();
  const image = await ensureStandin();
  const { path, stranger } = await thievingDocker(host, image);
  const job = host.job({ env: { PATH: path } });
  try {
    const main = await job.main({ inputs: { image } });
    expect(main).toMatchObject({ code: 0, outputs: { port: String(host.ports[0] + 1) } });
    expect(main.stdout).toContain(`The engine refuses port ${host.ports[0]}`);
    const names = await docker(
      "ps",
      "--all",
      "--format",
      "{{.Names}}",
      "--filter",
      `label=io.iris-ports.project=${job.workspace}`,
    );
    expect(names).toBe(main.outputs["container-name"]);
    await job.post(main.state);
    await expectNothingLeft(host, job);
  } finally {
    await docker("rm", "--force", stranger);
  }
});

test("a port that was asked for by number and is stolen fails, and leaves nothing", async () => {
  const host = await FakeHost.create();
  const image = await ensureStandin();
  const { path, stranger } = await thievingDocker(host, image);
  const job = host.job({ env: { PATH: path } });
  try {
    const main = await job.main({ inputs: { image, "preferred-port": String(host.ports[0]) } });
    expect(main.code).toBe(1);
    expect(main.stdout).toMatch(/^::error title=iris-ports%3A PORT_CONFLICT/m);
    await expectNothingLeft(host, job);
  } finally {
    await docker("rm", "--force", stranger);
  }
});
