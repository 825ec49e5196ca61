import { expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { docker } from "../helpers/engine.ts";
import { FakeHost } from "../helpers/fake-runner.ts";

test.each([
  ["an engine that is not there", { DOCKER_HOST: "unix:///nowhere/docker.sock" }],
  ["no address at all", { DOCKER_HOST: "::" }],
  ["another docker context", { DOCKER_CONTEXT: "elsewhere" }],
])("A3: post asks the engine that main used, although a later step configured %s", async (_, env) => {
  const host = await FakeHost.create();
  const job = host.job();
  const main = await job.main({ inputs: { image: await ensureStandin() } });
  const name = main.outputs["container-name"] as string;
  const post = await job.post(main.state, { env });
  expect(post.stdout).not.toMatch(/^::(warning|error)/m);
  expect(post.stdout).toContain(`Removed container ${name}.`);
  await expect(docker("inspect", name)).rejects.toThrow(/no such/i);
});
