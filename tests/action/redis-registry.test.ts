import { expect, test } from "vitest";
import { FakeHost } from "../helpers/fake-runner.ts";
import { RedisServer } from "../helpers/redis-server.ts";

test("jobs share a registry on a Redis server, and its password is in no log and no output", async () => {
  const host = await FakeHost.create();
  const server = await RedisServer.start(["--appendonly", "yes", "--requirepass", "s3cr/et!"]);
  // The escape of "!" is allowed and not needed.
  const inputs = { "registry-path": `redis://:s3cr%2Fet%21@127.0.0.1:${server.port}/0?name=ci` };
  const jobs = [host.job(), host.job()];
  const mains = [];
  for (const job of jobs) mains.push(await job.main({ inputs }));
  for (const main of mains) {
    expect(main).toMatchObject({ code: 0, stderr: "", env: { IRIS_PORT_REGISTRY: inputs["registry-path"] } });
    expect(main.stdout.replaceAll(/^::add-mask::.*$/gm, "")).not.toMatch(/s3cr/);
    // Both forms, because every later step shows the variable; %25 is a per cent sign.
    expect(main.stdout).toMatch(/^::add-mask::s3cr\/et!$/m);
    expect(main.stdout).toMatch(/^::add-mask::s3cr%252Fet%2521$/m);
    expect(JSON.stringify(main.outputs)).not.toMatch(/s3cr/);
    expect(main.outputs["registry-path"]).toBe(`redis://127.0.0.1:${server.port}/0?name=ci`);
  }
  const ports = mains.map(({ outputs }) => outputs.port);
  expect(new Set(ports).size).toBe(2);
  const post = await jobs[0]?.post(mains[0]?.state ?? {});
  expect(post).toMatchObject({ code: 0, stderr: "" });
  expect(post?.stdout).toContain(`Released port ${ports[0]} `);
});

test.each([
  ["is down", "cannot be used: no server answers there", (server: RedisServer) => server.kill()],
  ["does not answer", "did not answer within 5 s.%0ANothing was changed.", (server: RedisServer) => server.suspend()],
])("post makes one annotation of a registry that %s, and lines of the rest", async (_, words, harm) => {
  const host = await FakeHost.create();
  const server = await RedisServer.start();
  const job = host.job();
  const main = await job.main({ inputs: { "registry-path": server.url() } });
  await harm(server);
  const post = await job.post(main.state);
  expect(post).toMatchObject({ code: 0, stderr: "" });
  expect(post.stdout.match(/^::(warning|error).*$/gm)).toEqual([expect.stringContaining(words)]);
  expect(post.stdout).toMatch(/^The leftovers of killed jobs could not be removed.*REGISTRY_ACCESS/m);
});
