import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { FakeHost } from "../helpers/fake-runner.ts";
import { listenOn } from "../helpers/listener.ts";

test("A10: without an engine a job gets a port without a listener", async () => {
  const host = await FakeHost.create();
  await listenOn(host.ports[0]);
  const env = { DOCKER_HOST: `unix://${host.directory}/no.sock` };
  const job = host.job({ env });
  const main = await job.main();
  expect(main).toMatchObject({ code: 0, outputs: { port: String(host.ports[0] + 1) } });
  const post = await job.post(main.state);
  expect(post).toMatchObject({ code: 0 });
  expect(host.assignments).toEqual([]);
});

test("without an engine an image is refused with a remedy, and nothing is assigned", async () => {
  const host = await FakeHost.create();
  const env = { DOCKER_HOST: `unix://${host.directory}/no.sock` };
  const main = await host.job({ env }).main({ inputs: { image: await ensureStandin() } });
  expect(main.code).toBe(1);
  expect(main.stdout).toMatch(
    /^::error title=iris-ports%3A CONTAINER_ENGINE::No container engine answers at unix:.*%0ATo fix: start it/m,
  );
  expect(existsSync(host.registryPath)).toBe(false);
});

test("without a docker command the port is still assigned; an image is refused", async () => {
  const host = await FakeHost.create();
  const bin = join(host.directory, "bin");
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, "node"));
  const job = host.job({ env: { PATH: bin } });
  expect((await job.main()).code).toBe(0);
  const refused = await host.job({ env: { PATH: bin } }).main({ inputs: { image: "iris-community" } });
  expect(refused.stdout).toMatch(/^::error title=iris-ports%3A CONTAINER_ENGINE::The docker command cannot be run\./m);
});

test("A10: an engine that hangs delays main and post for seconds, and leaves no process behind", async () => {
  const host = await FakeHost.create();
  const socket = join(host.directory, "hangs.sock");
  const connections = new Set<object>();
  const server = createServer((connection) => {
    connections.add(connection);
    connection.on("error", () => connections.delete(connection));
    connection.on("close", () => connections.delete(connection));
    connection.resume();
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  const job = host.job({ env: { DOCKER_HOST: `unix://${socket}` } });
  const begin = performance.now();
  const main = await job.main();
  expect(main.code).toBe(0);
  expect(performance.now() - begin).toBeLessThan(10_000);

  const claim = JSON.stringify({ ...JSON.parse(main.state.claim ?? ""), image: "iris-community" });
  const post = await job.post({ ...main.state, claim });
  expect(post).toMatchObject({ code: 0, stderr: "" });
  expect(post.stdout).toMatch(
    /^::warning title=iris-ports::The container could not be removed; .* did not answer within 2 s/m,
  );
  expect(performance.now() - begin).toBeLessThan(30_000);
  expect(host.assignments).toEqual([]);
  await expect.poll(() => connections.size, { timeout: 5_000 }).toBe(0);
});
