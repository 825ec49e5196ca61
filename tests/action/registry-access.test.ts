import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { FakeHost } from "../helpers/fake-runner.ts";
import { makeReadOnly } from "../helpers/read-only.ts";

test("a registry that cannot be written is an annotation with a remedy", async () => {
  const host = await FakeHost.create();
  const directory = dirname(host.registryPath);
  mkdirSync(directory);
  await makeReadOnly(directory);
  const job = host.job();
  const main = await job.main();
  expect(main).toMatchObject({ code: 1, stderr: "", outputs: {} });
  expect(main.stdout).toMatch(/^::error title=iris-ports%3A REGISTRY_ACCESS::.*%0ATo fix: .*registry-path/m);
  const post = await job.post(main.state);
  expect(post).toMatchObject({ code: 0, stderr: "" });
  expect(post.stdout).not.toMatch(/^::error/m);
});

test("post names the action's input, as main does, if something else is in the place of the registry", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const main = await job.main();
  rmSync(host.registryPath);
  mkdirSync(host.registryPath);
  const post = await job.post(main.state);
  expect(post).toMatchObject({ code: 0, stderr: "" });
  expect(post.stdout).toMatch(/^::warning .*%0ATo fix: set `registry-path` to the path of a file$/m);
});

test("a document that is no registry is kept, and named", async () => {
  const host = await FakeHost.create();
  mkdirSync(dirname(host.registryPath));
  writeFileSync(host.registryPath, "not JSON");
  const main = await host.job().main();
  expect(main.code).toBe(1);
  expect(main.stdout).toMatch(/^::error title=iris-ports%3A REGISTRY_CORRUPT::/m);
});

test("a registry path below a file", async () => {
  const host = await FakeHost.create();
  writeFileSync(`${host.directory}/file`, "");
  const main = await host.job().main({ inputs: { "registry-path": `${host.directory}/file/port-registry.json` } });
  expect(main.code).toBe(1);
  expect(main.stdout).toMatch(/^::error title=iris-ports%3A REGISTRY_ACCESS::/m);
});

test.each(["/proc/iris-ports/registry.json", "/dev/fd/iris-ports/registry.json"])(
  "a registry path where no file can be made: %s",
  async (path) => {
    const job = (await FakeHost.create()).job();
    const main = await job.main({ inputs: { "registry-path": path } });
    expect(main.code).toBe(1);
    expect(main.stdout).toMatch(/^::error title=iris-ports%3A REGISTRY_ACCESS::.*ENOENT.*as below \/proc/m);
    expect(await job.post(main.state)).toMatchObject({ code: 0, stderr: "" });
  },
);
