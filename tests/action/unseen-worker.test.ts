import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { runCommand } from "../../scripts/run-command.ts";
import { ACTION, installedAction } from "../helpers/action-bundle.ts";
import { FakeHost } from "../helpers/fake-runner.ts";

const HOUR_MS = 3_600_000;

/** As act and the runners that build on it run legs: the same run, a directory for temporary files each. */
function actLeg(host: FakeHost, leg: string, more: Readonly<Record<string, string>> = {}) {
  const env = { ACT: "true", RUNNER_TRACKING_ID: "", RUNNER_TEMP: join(host.directory, "temp", leg), ...more };
  return host.job({ runner: "act", matrix: { leg }, env });
}

test.each(["GITEA_ACTIONS", "FORGEJO_ACTIONS"])(
  "A8: under a runner that outlives its jobs (%s), each job is a holder until its time is over",
  async (name) => {
    const host = await FakeHost.create();
    const jobs = ["a", "b"].map((leg) => actLeg(host, leg, { [name]: "true" }));
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
  },
);

test("A4: under act, the next job reclaims what a run that was killed has left behind", async () => {
  const host = await FakeHost.create(1);
  const killed = actLeg(host, "a");
  await killed.main({ inputs: { image: await ensureStandin() } });
  await killed.killWorker();
  const next = await actLeg(host, "b").main();
  expect(next).toMatchObject({ code: 0, outputs: { port: String(host.ports[0]) } });
  expect(next.stdout).toMatch(/^Removed container iris_\w+: the job or process that used it has ended\.$/m);
});

test("a matrix that Forgejo's runner has put into an object of its own names the instance as elsewhere", async () => {
  const host = await FakeHost.create();
  const instances = [];
  for (const Matrix of [{ iris: "latest-em" }, {}, null])
    instances.push((await host.job({ matrix: { Matrix } }).main()).outputs.instance);
  expect(instances).toEqual(["latest-em", "", ""]);
});

test("a runner that takes another Node than the action asks for is told so", async () => {
  const host = await FakeHost.create();
  const older = "Object.defineProperty(process.versions, 'node', { value: '20.20.2' })";
  const job = host.job({ env: { NODE_OPTIONS: `--import="data:text/javascript,${older}"` } });
  const main = await job.main();
  expect(main).toMatchObject({ code: 1, stderr: "", outputs: {}, state: {} });
  expect(main.stdout).toMatch(/^::error .*::This action needs Node 24, .* Node 20\.20\.2\.%0A.*%0ATo fix: put Node 24/);
  expect(await job.post(main.state)).toMatchObject({ code: 0, stderr: "" });
  expect(existsSync(host.registryPath)).toBe(false);
});

test.each([
  ["with a tracking id set in the environment", { RUNNER_TRACKING_ID: "0" }],
  ["missing", { RUNNER_TRACKING_ID: "" }],
])("a tracking id that is %s does not make one job of two legs", async (_, env) => {
  const host = await FakeHost.create();
  const legs = ["a", "b"].map((leg) => host.job({ runner: "one", matrix: { leg }, env }));
  const mains = await Promise.all(legs.map((job) => job.main()));
  const ids = mains.map(({ state }) => JSON.parse(state.claim ?? "").holderId as string);
  expect(new Set(ids).size).toBe(2);
});

test("the check run's id tells jobs apart if there is no tracking id", async () => {
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
