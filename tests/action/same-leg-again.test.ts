import { expect, test } from "vitest";
import { FakeHost } from "../helpers/fake-runner.ts";

const LEG = { iris: "latest-em", suite: "sql" };

test("the same matrix job on the same runner gets its port again, although other jobs ran meanwhile", async () => {
  const host = await FakeHost.create();
  const other = await host.job({ runner: "left" }).main();
  const first = host.job({ runner: "right", matrix: LEG });
  const main = await first.main();
  expect(main.outputs).toMatchObject({ port: String(host.ports[0] + 1), instance: "latest-em_sql" });
  await first.post(main.state);
  await host.job({ runner: "left" }).post(other.state);
  expect(host.assignments).toEqual([]);

  await host.job({ runner: "third" }).main();
  const again = await host.job({ runner: "right", matrix: LEG }).main();
  expect(again.outputs.port).toBe(main.outputs.port);
});

test("A1: the jobs of one matrix have different ports, even on one runner", async () => {
  const host = await FakeHost.create();
  const legs = ["api", "sql"].map((suite) => host.job({ runner: "one", matrix: { ...LEG, suite } }));
  const mains = await Promise.all(legs.map((job) => job.main()));
  expect(new Set(mains.map(({ outputs }) => outputs.port)).size).toBe(2);
});

test("A1: two jobs with the same project and matrix values never share a port: the second gets another instance", async () => {
  const host = await FakeHost.create();
  const inputs = { project: host.directory };
  const jobs = [host.job({ matrix: LEG }), host.job({ matrix: LEG }), host.job({ matrix: LEG })];
  const mains = await Promise.all(jobs.map((job) => job.main({ inputs })));
  expect(mains.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(new Set(mains.map(({ outputs }) => outputs.port)).size).toBe(3);
  expect(mains.map(({ outputs }) => outputs.instance).sort()).toEqual([
    "latest-em_sql",
    "latest-em_sql-job2",
    "latest-em_sql-job3",
  ]);
  await Promise.all(jobs.map((job, index) => job.post((mains[index] as (typeof mains)[0]).state)));
  expect(host.assignments).toEqual([]);
});

test("of two jobs that name one instance, the second is refused with the holder's name", async () => {
  const host = await FakeHost.create();
  const inputs = { project: host.directory, instance: "shared" };
  await host.job({ runner: "left" }).main({ inputs });
  const second = host.job({ runner: "right" });
  const main = await second.main({ inputs });
  expect(main.code).toBe(1);
  expect(main.stdout).toMatch(
    /^::error title=iris-ports%3A PORT_CONFLICT::Port \d+ of .*#shared is held by another job: .* on left/m,
  );
  await second.post(main.state);
  expect(host.assignments).toHaveLength(1);
  expect(host.document.iris_ports.holders[`${host.directory}#shared`]).toHaveLength(1);
});
