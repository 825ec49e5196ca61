import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCommand } from "../../scripts/run-command.ts";
import { ACTION, installedAction } from "../helpers/action-bundle.ts";
import { FakeHost } from "../helpers/fake-runner.ts";

const HOUR_MS = 3_600_000;

/** As act runs legs: one process for all, the same run, a directory for temporary files each. */
function actLeg(host: FakeHost, leg: string) {
  const env = { ACT: "true", RUNNER_TRACKING_ID: "", RUNNER_TEMP: join(host.directory, "temp", leg) };
  return host.job({ runner: "act", matrix: { leg }, env });
}

test("A8: under act, where all legs have one parent, the holder is the leg, until its time is over", async () => {
  const host = await FakeHost.create();
  const jobs = [actLeg(host, "a"), actLeg(host, "b")];
  const mains = await Promise.all(jobs.map((job) => job.main({ inputs: { "max-job-minutes": "60" } })));
  expect(new Set(mains.map(({ outputs }) => outputs.port)).size).toBe(2);
  const holders = Object.values(host.document.iris_ports.holders).flat() as Record<string, string>[];
  expect(new Set(holders.map(({ id }) => id)).size).toBe(2);
  for (const { process, since, expires_at } of holders) {
    expect(process).toBeUndefined();
    expect(Date.parse(expires_at as string) - Date.parse(since as string)).toBeCloseTo(HOUR_MS, -4);
  }
  await jobs[0]?.post(mains[0]?.state ?? {});
  expect(host.assignments.map(({ port }) => String(port))).toEqual([mains[1]?.outputs.port]);
});

test.each([
  ["of the environment's own making", { RUNNER_TRACKING_ID: "0" }],
  ["missing", { RUNNER_TRACKING_ID: "" }],
])("a tracking id that is %s does not make one job of two legs", async (_, env) => {
  const host = await FakeHost.create();
  const legs = ["a", "b"].map((leg) => host.job({ runner: "one", matrix: { leg }, env }));
  const mains = await Promise.all(legs.map((job) => job.main()));
  const ids = mains.map(({ state }) => JSON.parse(state.claim ?? "").holderId as string);
  expect(new Set(ids).size).toBe(2);
});

test("the check run's id tells jobs apart where there is no tracking id", async () => {
  const host = await FakeHost.create();
  const env = { RUNNER_TRACKING_ID: "" };
  const claims = [];
  for (const id of ["1", "2", "1"]) {
    const main = await host.job({ runner: "one", env }).main({ inputs: { "job-check-run-id": id } });
    claims.push((JSON.parse(main.state.claim ?? "").holderId as string).split(".")[0]);
  }
  expect(claims[0]).toBe(claims[2]);
  expect(claims[0]).not.toBe(claims[1]);
});

test.skipIf(process.platform !== "linux")(
  "a shell that was made for the step alone is not taken for the job",
  async () => {
    const host = await FakeHost.create();
    const files = join(host.directory, "files");
    mkdirSync(files);
    const env: Record<string, string> = {
      GITHUB_ACTION: "__org_iris-ports",
      GITHUB_WORKSPACE: host.directory,
      // A shell hands on no variable with a hyphen in its name, such as those of inputs.
      IRIS_PORT_REGISTRY: host.registryPath,
      IRIS_PORT_RANGE: host.ports.join("-"),
    };
    for (const name of ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STATE"]) {
      env[name] = join(files, name);
      writeFileSync(env[name], "");
    }
    const script = join(installedAction(), ACTION.runs.main);
    const step = await runCommand("sh", ["-c", '"$0" "$1"; exit $?', process.execPath, script], { env });
    expect(step).toMatchObject({ exitCode: 0, stderr: "" });
    const [holder] = host.document.iris_ports.holders[host.directory];
    expect(holder.process).toBeUndefined();
    expect(Date.parse(holder.expires_at)).toBeGreaterThan(Date.now() + 5 * HOUR_MS);
  },
);
