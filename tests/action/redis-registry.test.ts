import { expect, test } from "vitest";
import { FakeHost } from "../helpers/fake-runner.ts";
import { RedisServer } from "../helpers/redis-server.ts";

test("jobs share a registry on a Redis server, and its password stands in no log and no output", async () => {
  const host = await FakeHost.create();
  const server = await RedisServer.start(["--appendonly", "yes", "--requirepass", "s3cr/et"]);
  const inputs = { "registry-path": `redis://:s3cr%2Fet@127.0.0.1:${server.port}/0?name=ci` };
  const jobs = [host.job(), host.job()];
  const mains = [];
  for (const job of jobs) mains.push(await job.main({ inputs }));
  for (const main of mains) {
    expect(main).toMatchObject({ code: 0, stderr: "", env: { IRIS_PORT_REGISTRY: inputs["registry-path"] } });
    expect(main.stdout.replaceAll(/^::add-mask::.*$/gm, "")).not.toMatch(/s3cr/);
    expect(JSON.stringify(main.outputs)).not.toMatch(/s3cr/);
    expect(main.outputs["registry-path"]).toBe(`redis://127.0.0.1:${server.port}/0?name=ci`);
  }
  const ports = mains.map(({ outputs }) => outputs.port);
  expect(new Set(ports).size).toBe(2);
  const post = await jobs[0]?.post(mains[0]?.state ?? {});
  expect(post).toMatchObject({ code: 0, stderr: "" });
  expect(post?.stdout).toContain(`Released port ${ports[0]} `);
});
