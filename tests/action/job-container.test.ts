import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { type CommandResult, runCommand } from "../../scripts/run-command.ts";
import { ACTION, installedAction } from "../helpers/action-bundle.ts";
import { docker } from "../helpers/engine.ts";
import { defaultInputs, FakeHost, inputVariables } from "../helpers/fake-runner.ts";

const WORKSPACE = "/__w/shop/shop";

/** A container as the runner makes it for a job with `container:`, which has this machine's programs. */
class JobContainer {
  readonly #id: string;
  readonly #host: FakeHost;
  readonly #temp: string;

  private constructor(id: string, host: FakeHost, temp: string) {
    this.#id = id;
    this.#host = host;
    this.#temp = temp;
  }

  static async start(host: FakeHost): Promise<JobContainer> {
    const programs = ["/usr", "/lib", "/lib64", dirname(process.execPath)];
    const action = installedAction();
    const volumes = [
      ...programs.map((path) => `${path}:${path}:ro`),
      `${action}:${action}:ro`,
      `${host.directory}:${host.directory}`,
      "/var/run/docker.sock:/var/run/docker.sock",
    ];
    const mounts = volumes.flatMap((volume) => ["--volume", volume]);
    const image = await ensureStandin();
    const id = await docker("run", "--detach", ...mounts, "--entrypoint", "/bin/sleep", image, "600");
    onTestFinished(async () => void (await docker("rm", "--force", "--volumes", id)));
    return new JobContainer(id, host, `/tmp`);
  }

  /** As the runner does it: with `docker exec`, so that the step's parent is in another pid namespace. */
  async step(entry: "main" | "post", inputs: Record<string, string>, env: Record<string, string> = {}) {
    const files = ["OUTPUT", "ENV", "STATE", "STEP_SUMMARY"].map((name) => [`GITHUB_${name}`, `${this.#temp}/${name}`]);
    const variables = {
      PATH: "/usr/bin:/bin",
      HOME: "/github/home",
      GITHUB_ACTION: "__org_iris-ports",
      GITHUB_JOB: "test",
      GITHUB_REPOSITORY: "shop/shop",
      GITHUB_RUN_ID: "4711",
      GITHUB_WORKSPACE: WORKSPACE,
      RUNNER_TEMP: "/__w/_temp",
      ...(Object.fromEntries(files) as Record<string, string>),
      ...inputVariables({ ...defaultInputs(), project: WORKSPACE, matrix: "null", ...inputs }),
      ...env,
    };
    await docker("exec", this.#id, "/bin/sh", "-c", files.map(([, path]) => `: > ${path}`).join("; "));
    const named = Object.entries(variables).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
    const script = join(installedAction(), ACTION.runs[entry]);
    return runCommand("docker", ["exec", ...named, this.#id, process.execPath, script]);
  }

  get shared(): Record<string, string> {
    return { "registry-path": this.#host.registryPath, "port-range": this.#host.ports.join("-") };
  }

  async read(name: string): Promise<string> {
    return docker("exec", this.#id, "cat", `${this.#temp}/${name}`);
  }

  async connect(host: string, port: string): Promise<CommandResult> {
    return runCommand("docker", ["exec", this.#id, "/bin/busybox", "nc", "-w", "5", host, port]);
  }
}

const isLinux = process.platform === "linux";

test.runIf(isLinux)("A8: two job containers of one host that share a registry have ports of their own", async () => {
  const host = await FakeHost.create();
  const jobs = [await JobContainer.start(host), await JobContainer.start(host)];
  for (const [index, job] of jobs.entries()) {
    const id = String(index + 100);
    const main = await job.step("main", { ...job.shared, "job-check-run-id": id, "max-job-minutes": "30" });
    expect(main).toMatchObject({ exitCode: 0, stderr: "" });
    expect(main.stdout).not.toMatch(/^::(warning|error)/m);
  }
  // Both have the same workspace, as far as they can see.
  expect(host.assignments.map(({ project_path }) => project_path)).toEqual([WORKSPACE, `${WORKSPACE}#job2`]);
  const [holder] = host.document.iris_ports.holders[WORKSPACE];
  expect(holder.process).toBeUndefined();
  const minutes = (Date.parse(holder.expires_at) - Date.parse(holder.since)) / 60_000;
  expect(minutes).toBeCloseTo(30, 0);
});

test.runIf(isLinux)("a registry that no other job of the host sees is a warning with the remedy", async () => {
  const host = await FakeHost.create();
  const job = await JobContainer.start(host);
  const inputs = { "port-range": host.ports.join("-"), "job-check-run-id": "7" };
  const main = await job.step("main", inputs);
  expect(main.exitCode).toBe(0);
  expect(main.stdout).toMatch(/^::warning title=iris-ports::This job runs in a container.*volumes: .*registry-path: /m);
  const hosted = await job.step("main", inputs, { RUNNER_ENVIRONMENT: "github-hosted" });
  expect(hosted.stdout).not.toMatch(/^::warning/m);
});

test.runIf(isLinux)(
  "IRIS beside a job container is reached under the host's name there, and goes with the job",
  async () => {
    const host = await FakeHost.create();
    const job = await JobContainer.start(host);
    const main = await job.step("main", { ...job.shared, "job-check-run-id": "8", image: await ensureStandin() });
    expect(main).toMatchObject({ exitCode: 0, stderr: "" });
    expect(main.stdout).not.toMatch(/^::(warning|error)/m);
    const env = await job.read("ENV");
    const [, irisHost = ""] = /^IRIS_HOST<<.*\n(.*)$/m.exec(env) ?? [];
    expect(irisHost).not.toBe("127.0.0.1");
    const answer = await job.connect(irisHost, String(host.assignments[0]?.port));
    expect(answer.stdout).toMatch(/^iris-standin /);

    const [, claim = ""] = /^claim<<.*\n(.*)$/m.exec(await job.read("STATE")) ?? [];
    const post = await job.step("post", {}, { STATE_claim: claim });
    expect(post.stdout).toMatch(/Removed container iris_\w+\./);
    expect(host.assignments).toEqual([]);
  },
);
