import { expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { docker } from "../helpers/engine.ts";
import { FakeHost } from "../helpers/fake-runner.ts";

test("A4: after the runner was killed, the next job of another matrix entry gets the port", async () => {
  const host = await FakeHost.create(1);
  const killed = host.job({ matrix: { leg: 1 } });
  expect((await killed.main()).code).toBe(0);
  const refused = host.job({ matrix: { leg: 2 } });
  expect((await refused.main()).code).toBe(1);

  await killed.killWorker();
  const main = await refused.main();
  expect(main).toMatchObject({ code: 0, outputs: { port: String(host.ports[0]) } });
  expect(host.assignments.map(({ project_path }) => project_path)).toEqual([`${refused.workspace}#2`]);
});

test("A4: the container of a killed job is removed by the next job that needs its port, else by the next post", async () => {
  const host = await FakeHost.create(2);
  const image = await ensureStandin();
  const jobs = [host.job({ matrix: { leg: 1 } }), host.job({ matrix: { leg: 2 } })];
  const mains = await Promise.all(jobs.map((job) => job.main({ inputs: { image } })));
  const names = mains.map(({ outputs }) => outputs["container-name"] as string);
  await Promise.all(jobs.map((job) => job.killWorker()));
  await expect(docker("inspect", ...names)).resolves.toBeTruthy();

  const next = host.job({ matrix: { leg: 3 } });
  const main = await next.main();
  expect(main.code).toBe(0);
  const post = await next.post(main.state);
  expect(post.code).toBe(0);
  for (const name of names) await expect(docker("inspect", name)).rejects.toThrow(/no such/i);
  expect(host.assignments).toEqual([]);
});

test("a job that starts IRIS itself first removes the containers of killed jobs", async () => {
  const host = await FakeHost.create();
  const inputs = { image: await ensureStandin() };
  const killed = host.job({ matrix: { leg: 1 } });
  const left = await killed.main({ inputs });
  await killed.killWorker();
  const job = host.job({ matrix: { leg: 2 } });
  const main = await job.main({ inputs });
  expect(main.code).toBe(0);
  await expect(docker("inspect", left.outputs["container-name"] as string)).rejects.toThrow(/no such/i);
  await job.post(main.state);
});

test("the same matrix job removes what its killed predecessor left, and starts anew on the same port", async () => {
  const host = await FakeHost.create();
  const inputs = { image: await ensureStandin() };
  const killed = host.job({ runner: "one", matrix: { leg: 1 } });
  const before = await killed.main({ inputs });
  const id = await docker("inspect", "--format", "{{.Id}}", before.outputs["container-name"] as string);
  await killed.killWorker();

  const job = host.job({ runner: "one", matrix: { leg: 1 } });
  const main = await job.main({ inputs });
  expect(main).toMatchObject({ code: 0, outputs: { port: before.outputs.port } });
  expect(await docker("inspect", "--format", "{{.Id}}", main.outputs["container-name"] as string)).not.toBe(id);
  await job.post(main.state);
});
