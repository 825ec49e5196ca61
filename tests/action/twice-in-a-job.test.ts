import { expect, test } from "vitest";
import { FakeHost } from "../helpers/fake-runner.ts";

const SECOND = { GITHUB_ACTION: "__org_iris-ports_2" };
const NAMED = { GITHUB_ACTION: "orders" };

test("every use in one job has a port of its own, and gives back only that", async () => {
  const host = await FakeHost.create();
  const job = host.job({ matrix: { iris: "latest-cd" } });
  const first = await job.main();
  const second = await job.main({ env: SECOND, inputs: { "env-name": "OTHER_IRIS_PORT" } });
  const named = await job.main({ env: NAMED, inputs: { "env-name": "ORDERS_IRIS_PORT" } });
  const ports = [first, second, named].map(({ outputs }) => outputs.port);
  expect(new Set(ports).size).toBe(3);
  expect([first, second, named].map(({ outputs }) => outputs.instance)).toEqual([
    "latest-cd",
    "latest-cd_use2",
    "latest-cd_orders",
  ]);
  expect([first.env.IRIS_PORT, second.env.OTHER_IRIS_PORT, named.env.ORDERS_IRIS_PORT]).toEqual(ports);

  // The runner runs the posts in the opposite order.
  await job.post(named.state, { env: NAMED });
  expect(host.assignments.map(({ port }) => String(port)).sort()).toEqual([ports[0], ports[1]]);
  await job.post(second.state, { env: SECOND });
  await job.post(first.state);
  expect(host.assignments).toEqual([]);
});

test("without a matrix and an id the first use has no instance, and the second one of its own", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const first = await job.main();
  const second = await job.main({ env: SECOND });
  expect([first.outputs.instance, second.outputs.instance]).toEqual(["", "use2"]);
  expect(second.env.IRIS_PORTS_INSTANCE).toBe("use2");
});
