import { expect, test } from "vitest";
import { FakeHost, type FakeJob } from "../helpers/fake-runner.ts";

test("A6: ten matrix jobs at once get ten ports; the eleventh fails with the list of holders; the twelfth waits for a port", async () => {
  const host = await FakeHost.create(10);
  const legs = Array.from({ length: 10 }, (_, leg) => host.job({ runner: `runner-${leg}`, matrix: { leg } }));
  const mains = await Promise.all(legs.map((job) => job.main()));
  expect(mains.map(({ code }) => code)).toEqual(legs.map(() => 0));
  const [first, last] = host.ports;
  const ports = mains.map(({ outputs }) => Number(outputs.port)).sort((a, b) => a - b);
  expect(ports).toEqual(Array.from({ length: 10 }, (_, index) => first + index));

  const eleventh = await host.job({ runner: "runner-10" }).main();
  expect(eleventh.code).toBe(1);
  expect(eleventh.stdout).toMatch(
    /^::error title=iris-ports%3A PORT_EXHAUSTED::All ports .* are taken.*%0ATo fix: .*wait-timeout/m,
  );
  for (const [leg, { workspace }] of legs.entries()) {
    const holder = `${workspace}#${leg}: job (shop/shop CI/test run 12.1 on runner-${leg})`;
    expect(eleventh.stdout.split(holder), "each holder once").toHaveLength(2);
  }
  // The command line's options and the library's arguments are no help here.
  expect(eleventh.stdout).not.toMatch(/--wait|waitTimeoutMs|IRIS_PORT_RANGE/);
  expect(eleventh.outputs).toEqual({});

  const twelfth = host.job({ runner: "runner-11" }).start("main", { inputs: { "wait-timeout": "5m" } });
  await twelfth.said(/All ports are taken: place 1 in the queue/);
  await (legs[3] as FakeJob).post(mains[3]?.state ?? {});
  expect(await twelfth.result).toMatchObject({ code: 0, outputs: { port: mains[3]?.outputs.port } });
  expect(last).toBe(first + 9);
});

test("A6: the longest waiter gets the first released port", async () => {
  const host = await FakeHost.create(1);
  const holder = host.job();
  const held = await holder.main();
  const waiting = [];
  for (const place of [1, 2, 3]) {
    const job = host.job();
    const step = job.start("main", { inputs: { "wait-timeout": "120" } });
    await step.said(new RegExp(`place ${place} in the queue`));
    waiting.push({ job, step });
  }
  let before = { job: holder, state: held.state };
  for (const { job, step } of waiting) {
    await before.job.post(before.state);
    const main = await step.result;
    expect(main.code).toBe(0);
    expect(host.assignments.map(({ project_path }) => project_path)).toEqual([job.workspace]);
    before = { job, state: main.state };
  }
});

test("a waiter that is killed gives up its place", async () => {
  const host = await FakeHost.create(1);
  const holder = host.job();
  const held = await holder.main();
  const killed = host.job().start("main", { inputs: { "wait-timeout": "300" } });
  await killed.said(/place 1 in the queue/);
  const patient = host.job().start("main", { inputs: { "wait-timeout": "300" } });
  await patient.said(/place 2 in the queue/);
  killed.signal("SIGKILL");
  expect((await killed.result).signal).toBe("SIGKILL");
  await holder.post(held.state);
  expect(await patient.result).toMatchObject({ code: 0 });
});

test("a wait that lasts too long fails like a step without a wait", async () => {
  const host = await FakeHost.create(1);
  await host.job().main();
  const main = await host.job().main({ inputs: { "wait-timeout": "1s" } });
  expect(main.code).toBe(1);
  expect(main.stdout).toContain("iris-ports%3A PORT_EXHAUSTED");
  expect(host.document.iris_ports.waiters).toEqual([]);
});
