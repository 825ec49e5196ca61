import { spawn } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Measurement, medianMsAsync, scratchDirectory } from "./measure.ts";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const RUNS = 20;
const AT_ONCE = 10;
const COMMAND_FILES = ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];
const LARGEST_KB = 900;

/** The committed bundles as a runner starts them: outside the repository, each step a process of its own. */
export async function measureAction(): Promise<Measurement[]> {
  using scratch = scratchDirectory();
  for (const bundle of ["main", "post"]) fs.cpSync(join(DIST, bundle), join(scratch.path, bundle), { recursive: true });
  fs.writeFileSync(join(scratch.path, "empty.mjs"), "");

  const empty = await medianMsAsync(RUNS, () => run(scratch.path, "empty.mjs", {}));
  const job = (index: number) => new BenchJob(scratch.path, `job-${index}`);
  const main = await medianMsAsync(RUNS, (index) => job(index).main());
  const post = await medianMsAsync(RUNS, (index) => job(index).post());
  const together = await medianMsAsync(5, async (round) => {
    const jobs = Array.from({ length: AT_ONCE }, (_, index) => new BenchJob(scratch.path, `round-${round}-${index}`));
    await Promise.all(jobs.map((one) => one.main()));
  });
  const beside = (value: number) => ({ to: "an empty Node process", factor: value / empty });
  const kB = (bundle: string) => fs.statSync(join(DIST, bundle, "index.js")).size / 1_000;
  return [
    { name: "an empty Node process, start to exit", value: empty, unit: "ms" },
    { name: "main without image, start to exit", value: main, unit: "ms", ratio: beside(main), reach: "<= 100 ms" },
    { name: "post, start to exit", value: post, unit: "ms", ratio: beside(post), reach: "<= 90 ms" },
    { name: `${AT_ONCE} mains at once, until the last is done`, value: together, unit: "ms", reach: "<= 2500 ms" },
    { name: "bundle of main", value: kB("main"), unit: "kB", reach: `<= ${LARGEST_KB} kB` },
    { name: "bundle of post", value: kB("post"), unit: "kB", reach: `<= ${LARGEST_KB} kB` },
  ];
}

/** A job with a workspace of its own, on the registry of all. */
class BenchJob {
  readonly #scratch: string;
  readonly #directory: string;
  readonly #env: Record<string, string>;

  constructor(scratch: string, name: string) {
    this.#scratch = scratch;
    this.#directory = join(scratch, "jobs", name);
    this.#env = {
      PATH: process.env["PATH"] ?? "",
      HOME: scratch,
      ...Object.fromEntries(COMMAND_FILES.map((file) => [file, join(this.#directory, file)])),
      GITHUB_ACTION: "__org_iris-ports",
      GITHUB_WORKSPACE: this.#directory,
      RUNNER_TRACKING_ID: `github_${name}`,
      INPUT_MATRIX: "null",
      "INPUT_REGISTRY-PATH": join(scratch, "registry", "port-registry.json"),
      "INPUT_PORT-RANGE": "20000-20399",
    };
  }

  async main(): Promise<void> {
    fs.mkdirSync(this.#directory, { recursive: true });
    for (const file of COMMAND_FILES) fs.writeFileSync(join(this.#directory, file), "");
    await run(this.#scratch, join("main", "index.js"), this.#env);
  }

  async post(): Promise<void> {
    const saved = fs.readFileSync(join(this.#directory, "GITHUB_STATE"), "utf8");
    const state = [...saved.matchAll(/^(\w+)<<.*\n(.*)$/gm)].map(([, name, value]) => [`STATE_${name}`, value]);
    await run(this.#scratch, join("post", "index.js"), { ...this.#env, ...Object.fromEntries(state) });
  }
}

function run(directory: string, script: string, env: Record<string, string>): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(directory, script)], { env, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`${script} ended with ${code}: ${output}`)),
    );
  });
}
