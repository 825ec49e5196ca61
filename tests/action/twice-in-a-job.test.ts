import { expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { FakeHost, type StepResult } from "../helpers/fake-runner.ts";

const SECOND = { GITHUB_ACTION: "__org_iris-ports_2" };
const NAMED = { GITHUB_ACTION: "orders" };

test("A1: every use in one job has its own port, and releases only that", async () => {
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

test("with IRIS, every use has its own variables, and does not change those of the others", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const image = await ensureStandin();
  const login = (name: string) => ({ image, username: name, password: `${name}-pw`, namespace: name.toUpperCase() });
  const first = await job.main({ inputs: login("shop") });
  const inputs = { ...login("orders"), "env-name": "ORDERS_IRIS_PORT" };
  const orders = await job.main({ env: { ...first.env, ...SECOND }, inputs });
  const other = await job.main({
    env: { ...first.env, ...NAMED },
    inputs: { ...login("stock"), "env-name": "STOCK_DB" },
  });

  // What the runner gives to the next step.
  const env: Record<string, string> = { ...first.env, ...orders.env, ...other.env };
  const expected = (name: string, { outputs }: StepResult, prefix: string) => ({
    [`${prefix}IRIS_PORT`]: outputs.port,
    [`${prefix}IRIS_HOST`]: "127.0.0.1",
    [`${prefix}IRIS_NAMESPACE`]: name.toUpperCase(),
    [`${prefix}IRIS_USERNAME`]: name,
    [`${prefix}IRIS_PASSWORD`]: `${name}-pw`,
    [`${prefix}IRIS_CONTAINER_NAME`]: outputs["container-name"],
    [`${prefix}IRIS_CONNECTION_URI`]: outputs["connection-uri"],
  });
  expect(env).toEqual({
    ...expected("shop", first, ""),
    IRIS_PORTS_USED: "true",
    IRIS_PORTS_PROJECT: job.workspace,
    IRIS_PORTS_INSTANCE: "",
    IRIS_PORT_REGISTRY: host.registryPath,
    IRIS_PORT_RANGE: host.ports.join("-"),
    ...expected("orders", orders, "ORDERS_"),
    STOCK_DB: other.outputs.port,
  });
  expect(other.outputs).toMatchObject({
    host: "127.0.0.1",
    username: "stock",
    namespace: "STOCK",
    instance: "orders",
    "connection-uri": `iris://stock:stock-pw@127.0.0.1:${other.outputs.port}/STOCK`,
  });
  for (const [used, action] of [
    [other, NAMED],
    [orders, SECOND],
    [first, {}],
  ] as const)
    expect(await job.post(used.state, { env: action })).toMatchObject({ code: 0 });
  expect(host.assignments).toEqual([]);
});

test("an env-name for the only use leaves all variables in place, whatever project the runner's `.env` names", async () => {
  const host = await FakeHost.create();
  const job = host.job({ env: { IRIS_PORTS_PROJECT: host.directory, IRIS_PORTS_INSTANCE: "mine" } });
  const image = await ensureStandin();
  const used = await job.main({ inputs: { image, "env-name": "DB_PORT" } });
  expect(used.env).toMatchObject({
    DB_PORT: used.outputs.port,
    IRIS_HOST: "127.0.0.1",
    IRIS_CONNECTION_URI: used.outputs["connection-uri"],
    IRIS_PORTS_PROJECT: job.workspace,
    IRIS_PORTS_INSTANCE: "",
  });
  expect(used.env).not.toHaveProperty("IRIS_PORT");
  await job.post(used.state);
});

test("without a matrix and an id the first use has no instance, and the second one of its own", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const first = await job.main();
  const second = await job.main({ env: SECOND });
  expect([first.outputs.instance, second.outputs.instance]).toEqual(["", "use2"]);
  expect(second.env.IRIS_PORTS_INSTANCE).toBe("use2");
});

test("a second use with the same variable leaves nothing of the first one's IRIS beside its own port", async () => {
  const host = await FakeHost.create();
  const job = host.job({ env: { IRIS_NAMESPACE: "MINE" } });
  const onlyPort = await job.main();
  expect(onlyPort.env).not.toHaveProperty("IRIS_NAMESPACE");
  const iris = await job.main({ env: { ...onlyPort.env, ...SECOND }, inputs: { image: await ensureStandin() } });
  const last = await job.main({ env: { ...onlyPort.env, ...iris.env, ...NAMED } });
  expect(last.env).toMatchObject({
    IRIS_PORT: last.outputs.port,
    IRIS_PORTS_INSTANCE: "orders",
    IRIS_PASSWORD: "",
    IRIS_CONTAINER_NAME: "",
    IRIS_CONNECTION_URI: "",
  });
  for (const { state } of [last, iris, onlyPort]) await job.post(state);
});
