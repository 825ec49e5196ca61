import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chownSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { LABEL_REGISTRY } from "../../src/registry/labels.ts";
import { containerName } from "../../src/registry/project.ts";
import type { AssignmentRecord } from "../../src/stores/document.ts";
import { ACTION, installedAction } from "./action-bundle.ts";
import { parseCommandFile } from "./command-file.ts";
import { removeLabelled } from "./engine.ts";
import { freePorts } from "./free-ports.ts";

const WORKER = fileURLToPath(new URL("../fixtures/action/runner-worker.ts", import.meta.url));

/** What a step gets in addition to what every step gets. */
export type StepInput = {
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Runs in place of the bundle. */
  readonly script?: string;
};

/** How a step ended, and what it reported to the runner. */
export type StepResult = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
  readonly summary: string;
};

/** A machine with runners: one registry, some ports, everything in one directory that goes when the test ends. */
export class FakeHost {
  readonly directory: string;
  readonly registryPath: string;
  readonly ports: readonly [number, number];

  private constructor(ports: readonly [number, number]) {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), "iris-ports-host-")));
    this.registryPath = join(this.directory, "registry", "port-registry.json");
    this.ports = ports;
    onTestFinished(async () => {
      await removeLabelled(`${LABEL_REGISTRY}=${this.registryPath}`);
      rmSync(this.directory, { recursive: true, force: true });
    });
  }

  static async create(portCount = 4): Promise<FakeHost> {
    return new FakeHost(await freePorts(portCount));
  }

  /** The assignments of the registry's document, by port. */
  get assignments(): AssignmentRecord[] {
    const { assignments } = this.document as { assignments: AssignmentRecord[] };
    return assignments.toSorted((a, b) => a.port - b.port);
  }

  /** The names that the assignments' containers have, or would have. */
  get containerNames(): string[] {
    return this.assignments.map(({ project_path, port }) => containerName(project_path, port));
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look at the document as it is on the disk
  get document(): any {
    return JSON.parse(readFileSync(this.registryPath, "utf8"));
  }

  /** A job on a runner of its own, unless another job's is named. */
  job(options: JobOptions = {}): FakeJob {
    return new FakeJob(this, options);
  }
}

export type JobOptions = {
  /** Runners have a workspace each. */
  readonly runner?: string;
  readonly matrix?: unknown;
  readonly env?: Readonly<Record<string, string>>;
  /** Whose runner it is; only root can choose. */
  readonly user?: { readonly uid: number; readonly gid: number };
};

/** A job: a worker process, and steps that are its children. */
export class FakeJob {
  readonly workspace: string;
  readonly worker: ChildProcess;
  readonly env: Readonly<Record<string, string>>;
  readonly #host: FakeHost;
  readonly #temp: string;
  readonly #user: JobOptions["user"];

  constructor(host: FakeHost, { runner = randomUUID().slice(0, 8), matrix = null, env = {}, user }: JobOptions) {
    const home = join(host.directory, "runners", runner);
    this.#host = host;
    this.workspace = join(home, "work", "shop", "shop");
    this.#temp = join(home, "temp");
    mkdirSync(this.workspace, { recursive: true });
    mkdirSync(this.#temp, { recursive: true });
    this.#user = user;
    this.#hand(this.workspace, this.#temp);
    this.worker = fork(WORKER, { execArgv: ["--disable-warning=ExperimentalWarning"], ...user });
    this.worker.setMaxListeners(50);
    onTestFinished(() => this.killWorker());
    this.env = {
      PATH: process.env["PATH"] ?? "",
      HOME: host.directory,
      GITHUB_ACTIONS: "true",
      GITHUB_ACTION: "__org_iris-ports",
      GITHUB_JOB: "test",
      GITHUB_REPOSITORY: "shop/shop",
      GITHUB_RUN_ATTEMPT: "1",
      GITHUB_RUN_ID: "4711",
      GITHUB_RUN_NUMBER: "12",
      GITHUB_WORKFLOW: "CI",
      GITHUB_WORKSPACE: this.workspace,
      RUNNER_ENVIRONMENT: "self-hosted",
      RUNNER_NAME: runner,
      RUNNER_TEMP: this.#temp,
      RUNNER_TRACKING_ID: `github_${randomUUID()}`,
      INPUT_MATRIX: JSON.stringify(matrix),
      ...env,
    };
  }

  /** Runs the action's main step. */
  main(input: StepInput = {}): Promise<StepResult> {
    return this.start("main", input).result;
  }

  /** Runs post with what a main step saved. */
  post(state: Readonly<Record<string, string>>, input: StepInput = {}): Promise<StepResult> {
    const saved = Object.fromEntries(Object.entries(state).map(([name, value]) => [`STATE_${name}`, value]));
    return this.start("post", { ...input, env: { ...saved, ...input.env } }).result;
  }

  start(
    entry: "main" | "post",
    { inputs = {}, env = {}, script = join(installedAction(), ACTION.runs[entry]) }: StepInput,
  ): RunningStep {
    const files = join(this.#temp, randomUUID());
    mkdirSync(files);
    const commandFiles = Object.fromEntries(
      ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"].map((name) => [name, join(files, name)]),
    );
    for (const path of Object.values(commandFiles)) writeFileSync(path, "");
    this.#hand(...Object.values(commandFiles));
    const stepEnv = {
      ...this.env,
      ...commandFiles,
      ...inputVariables({
        ...defaultInputs(),
        "registry-path": this.#host.registryPath,
        "port-range": this.#host.ports.join("-"),
        project: this.workspace,
        ...inputs,
      }),
      ...env,
    };
    const order = { script, env: stepEnv, cwd: this.workspace };
    return new RunningStep(this.worker, order, dirname(commandFiles.GITHUB_ENV as string));
  }

  #hand(...paths: readonly string[]): void {
    if (this.#user !== undefined) for (const path of paths) chownSync(path, this.#user.uid, this.#user.gid);
  }

  /** `kill -9`: what happens when the machine takes the runner away. */
  async killWorker(): Promise<void> {
    if (this.worker.exitCode !== null || this.worker.signalCode !== null) return;
    const ended = once(this.worker, "exit");
    this.worker.kill("SIGKILL");
    await ended;
  }
}

type Told = { id: number; stdout?: string; stderr?: string; end?: Pick<StepResult, "code" | "signal"> };

let nextId = 1;

/** A step that may still run. */
export class RunningStep {
  readonly result: Promise<StepResult>;
  readonly #id = nextId++;
  readonly #worker: ChildProcess;
  #stdout = "";
  #wake = Promise.withResolvers<void>();

  constructor(
    worker: ChildProcess,
    order: { script: string; env: Record<string, string>; cwd: string },
    files: string,
  ) {
    this.#worker = worker;
    let stderr = "";
    this.result = new Promise((resolve) => {
      const listen = (told: Told) => {
        if (told.id !== this.#id) return;
        this.#stdout += told.stdout ?? "";
        stderr += told.stderr ?? "";
        this.#wake.resolve();
        this.#wake = Promise.withResolvers();
        if (told.end === undefined) return;
        worker.off("message", listen);
        const read = (name: string) => readFileSync(join(files, name), "utf8");
        resolve({
          ...told.end,
          stdout: this.#stdout,
          stderr,
          outputs: parseCommandFile(read("GITHUB_OUTPUT")),
          env: parseCommandFile(read("GITHUB_ENV")),
          state: parseCommandFile(read("GITHUB_STATE")),
          summary: read("GITHUB_STEP_SUMMARY"),
        });
      };
      worker.on("message", listen);
    });
    worker.send({ id: this.#id, ...order });
  }

  /** Waits until the step has printed something that matches. */
  async said(words: RegExp): Promise<void> {
    let hasEnded = false;
    const ended = this.result.then(() => {
      hasEnded = true;
    });
    while (!words.test(this.#stdout)) {
      if (hasEnded) throw new Error(`the step ended without saying ${words}:\n${this.#stdout}`);
      await Promise.race([this.#wake.promise, ended]);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#worker.send({ id: this.#id, signal });
  }
}

/** As the runner gives a step its inputs. @see https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax#inputs */
export function inputVariables(inputs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`, value]),
  );
}

/** The defaults that are not expressions. */
export function defaultInputs(): Record<string, string> {
  const plain = Object.entries(ACTION.inputs).map(([name, input]) => [name, input.default ?? ""] as const);
  return Object.fromEntries(plain.filter(([, value]) => !value.includes("${{")));
}
