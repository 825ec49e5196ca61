import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { type CommandResult, runCommand } from "../../scripts/run-command.ts";
import { ACTION, installedAction } from "./action-bundle.ts";
import { parseCommandFile } from "./command-file.ts";
import { docker } from "./engine.ts";
import { defaultInputs, type FakeHost, inputVariables } from "./fake-runner.ts";

/** What a job container calls its workspace. */
export const WORKSPACE = "/__w/shop/shop";

/** A container as the runner makes it for a job with `container:`, which has this machine's programs. */
export class JobContainer {
  readonly id: string;
  readonly #host: FakeHost;
  readonly #temp: string;

  private constructor(id: string, host: FakeHost, temp: string) {
    this.id = id;
    this.#host = host;
    this.#temp = temp;
  }

  static async start(host: FakeHost, ...options: readonly string[]): Promise<JobContainer> {
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
    const id = await docker("run", "--detach", ...mounts, ...options, "--entrypoint", "/bin/sleep", image, "600");
    onTestFinished(async () => void (await docker("rm", "--force", "--volumes", id)));
    return new JobContainer(id, host, `/tmp`);
  }

  /** As the runner does it: with `docker exec`, so that the step's parent is in another pid namespace. */
  async step(entry: "main" | "post", inputs: Record<string, string>, env: Record<string, string> = {}) {
    return runCommand("docker", await this.#command(entry, inputs, env));
  }

  /** A step that may still run, as its `docker exec`. */
  async startStep(entry: "main" | "post", inputs: Record<string, string>): Promise<StepClient> {
    return new StepClient(
      spawn("docker", await this.#command(entry, inputs, {}), { stdio: ["ignore", "pipe", "pipe"] }),
    );
  }

  async #command(
    entry: "main" | "post",
    inputs: Record<string, string>,
    env: Record<string, string>,
  ): Promise<string[]> {
    const files = ["OUTPUT", "ENV", "STATE", "STEP_SUMMARY"].map((name) => [`GITHUB_${name}`, `${this.#temp}/${name}`]);
    const variables = {
      PATH: "/usr/bin:/bin",
      HOME: "/github/home",
      GITHUB_ACTION: "__org_iris-ports",
      GITHUB_JOB: "test",
      GITHUB_REPOSITORY: "shop/shop",
      GITHUB_RUN_ID: "4711",
      GITHUB_WORKSPACE: WORKSPACE,
      RUNNER_TEMP: this.#temp,
      ...(Object.fromEntries(files) as Record<string, string>),
      ...inputVariables({ ...defaultInputs(), project: WORKSPACE, matrix: "null", ...inputs }),
      ...env,
    };
    await docker("exec", this.id, "/bin/sh", "-c", files.map(([, path]) => `: > ${path}`).join("; "));
    const named = Object.entries(variables).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
    return ["exec", ...named, this.id, process.execPath, join(installedAction(), ACTION.runs[entry])];
  }

  /** What the step that ran last has saved so far, as post gets it. */
  async state(): Promise<Record<string, string>> {
    const saved = parseCommandFile(await this.read("STATE"));
    return Object.fromEntries(Object.entries(saved).map(([name, value]) => [`STATE_${name}`, value]));
  }

  get shared(): Record<string, string> {
    return { "registry-path": this.#host.registryPath, "port-range": this.#host.ports.join("-") };
  }

  async read(name: string): Promise<string> {
    return docker("exec", this.id, "cat", `${this.#temp}/${name}`);
  }

  async connect(host: string, port: string): Promise<CommandResult> {
    return runCommand("docker", ["exec", this.id, "/bin/busybox", "nc", "-w", "5", host, port]);
  }
}

/** The `docker exec` of a step. */
export class StepClient {
  readonly #child: ChildProcess;
  #stdout = "";
  #wake = Promise.withResolvers<void>();

  constructor(child: ChildProcess) {
    this.#child = child;
    onTestFinished(() => void child.kill("SIGKILL"));
    child.stdout?.on("data", (chunk) => {
      this.#stdout += chunk;
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
  }

  /** Waits until the step has printed something that matches. */
  async said(words: RegExp): Promise<void> {
    while (!words.test(this.#stdout)) await this.#wake.promise;
  }

  /** What the runner does when the job is cancelled: the process inside the container does not notice. */
  async cancel(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGINT");
    await ended;
  }
}
