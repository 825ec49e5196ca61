import { expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { docker } from "../helpers/engine.ts";
import { FakeHost, type FakeJob, type StepResult } from "../helpers/fake-runner.ts";

/** The runner gives every step inside a composite action the name of the outer step. */
const INSIDE = { env: { GITHUB_ACTION: "__self" } };

async function endJob(job: FakeJob, ...mains: readonly StepResult[]): Promise<void> {
  for (const { state } of mains.toReversed()) expect((await job.post(state, INSIDE)).code).toBe(0);
}

test("A1: two uses inside one composite action have two ports, the same ones in every run", async () => {
  const host = await FakeHost.create();
  const ports = [];
  for (const _ of ["first run", "second run"]) {
    const job = host.job({ runner: "one", matrix: { suite: "api" } });
    const mains = [await job.main(INSIDE), await job.main(INSIDE), await job.main(INSIDE)];
    expect(mains.map(({ outputs }) => outputs.instance)).toEqual(["api", "api_use2", "api_use3"]);
    ports.push(mains.map(({ outputs }) => outputs.port));
    expect(new Set(ports.at(-1)).size).toBe(3);
    await endJob(job, ...mains);
    expect(host.assignments).toEqual([]);
    // Between the runs, another project comes and goes.
    const other = host.job({ runner: "two" });
    await other.post((await other.main()).state);
  }
  expect(ports[1]).toEqual(ports[0]);
});

test("A1: a composite action with two uses, used twice, has four ports", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const steps = ["__self", "__self", "__self_2", "__self_2"].map((name) => ({ env: { GITHUB_ACTION: name } }));
  const mains = [];
  for (const step of steps) mains.push(await job.main(step));
  expect(new Set(mains.map(({ outputs }) => outputs.port)).size).toBe(4);
  await job.post(mains[3]?.state ?? {}, steps[3]);
  expect(host.assignments).toHaveLength(3);
});

test("A1: a second use that asks for a port by number gets it, although the first holds another", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const first = await job.main(INSIDE);
  const wanted = String(host.ports[1]);
  const second = await job.main({ ...INSIDE, inputs: { "preferred-port": wanted } });
  expect(second).toMatchObject({ code: 0, outputs: { port: wanted, instance: "use2" } });
  expect(first.outputs.port).not.toBe(wanted);
});

test("A1: the first use keeps its port and container if the second fails", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const image = await ensureStandin();
  const first = await job.main({ ...INSIDE, inputs: { image } });
  const failing = { image, "container-env": "IRIS_STANDIN_DIE=license" };
  const second = await job.main({ ...INSIDE, inputs: failing });
  expect([first.code, second.code]).toEqual([0, 1]);
  // `continue-on-error`: the job goes on, and its posts run at the end.
  const running = () => docker("inspect", "--format", "{{.State.Running}}", first.outputs["container-name"] as string);
  expect(await running()).toBe("true");
  await job.post(second.state, INSIDE);
  expect(await running()).toBe("true");
  expect(host.assignments.map(({ port }) => String(port))).toEqual([first.outputs.port]);
  await job.post(first.state, INSIDE);
  await expect(running()).rejects.toThrow(/no such/i);
  expect(host.assignments).toEqual([]);
});

test("A1: of two uses that name one instance, the second fails with the holder's name", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const named = { ...INSIDE, inputs: { instance: "orders" } };
  const first = await job.main(named);
  const second = await job.main(named);
  expect(second.code).toBe(1);
  expect(second.stdout).toMatch(
    /PORT_CONFLICT::Port \d+ of .*#orders is held by an earlier use of this action in this job: .*To fix: .*`instance`/,
  );
  await job.post(second.state, INSIDE);
  expect(host.assignments.map(({ port }) => String(port))).toEqual([first.outputs.port]);
});
