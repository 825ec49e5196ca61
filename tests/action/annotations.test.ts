import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { currentMachine } from "../../src/registry/host/process-identity.ts";
import { FakeHost } from "../helpers/fake-runner.ts";
import { makeReadOnly } from "../helpers/read-only.ts";

test.each([{}, { image: "with an image" }])(
  "one registry that cannot be written to is one annotation: %j",
  async (use) => {
    const host = await FakeHost.create();
    mkdirSync(dirname(host.registryPath));
    await makeReadOnly(dirname(host.registryPath));
    const job = host.job();
    const inputs: Record<string, string> = "image" in use ? { image: await ensureStandin() } : {};
    const main = await job.main({ inputs });
    const post = await job.post(main.state);
    expect((main.stdout + post.stdout).match(/^::(warning|error) .*/gm)).toEqual([
      expect.stringMatching(/^::error title=iris-ports%3A REGISTRY_ACCESS::/),
    ]);
  },
);

test("the log shows neither labels nor what identifies the machine", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const main = await job.main({ inputs: { image: await ensureStandin() } });
  const [command = ""] = main.stdout.match(/^docker create .*$/m) ?? [];
  expect(command).toMatch(
    /^docker create --name iris_\w+ --publish 127\.0\.0\.1:\d+:1972 iris-ports\/iris-standin:\w+$/,
  );
  const { bootId, host: machine } = await currentMachine();
  const post = await job.post(main.state);
  for (const text of [bootId, machine]) expect(main.stdout + post.stdout).not.toContain(text);
});

test("a setting from the environment is named by its variable", async () => {
  const host = await FakeHost.create();
  const range = await host
    .job()
    .main({ inputs: { "port-range": "", "preferred-port": "" }, env: { IRIS_PORT_RANGE: "x" } });
  expect(range.stdout).toMatch(/::IRIS_PORT_RANGE is not a range of ports: "x"\..*%0ATo fix: /);
  const registry = await host
    .job()
    .main({ inputs: { "registry-path": "" }, env: { IRIS_PORT_REGISTRY: "redis://:secret@host:99999" } });
  expect(registry.stdout).toMatch(/::IRIS_PORT_REGISTRY is not a valid URL\..*%0ATo fix: /);
  expect(registry.stdout).not.toContain("secret");
});
