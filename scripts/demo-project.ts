import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { IrisRegistryContainer } from "../src/index.ts";

/** What a demo process reports about its container. */
export type DemoReport = { readonly id: string; readonly name: string; readonly port: number };

/** A process of its own that starts its project's IRIS, as a test run would, and uses it until it is told to stop. */
export class DemoProcess {
  readonly #child: ChildProcess;
  readonly #report: Promise<DemoReport>;

  constructor(image: string, project: string, identity: string) {
    const script = fileURLToPath(import.meta.url);
    this.#child = spawn(process.execPath, [script, image, identity], {
      cwd: project,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#report = this.#read();
    // The failure is reported where the result is awaited.
    this.#report.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws Error with what the process printed instead */
  started(): Promise<DemoReport> {
    return this.#report;
  }

  /** Lets it call `stop()`, and waits until it has ended. */
  async stop(): Promise<void> {
    await this.#end(() => this.#child.stdin?.end());
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.#end(() => this.#child.kill("SIGKILL"));
  }

  async #end(how: () => void): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "close");
    how();
    await ended;
  }

  async #read(): Promise<DemoReport> {
    let problem = "";
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (problem += text));
    const { stdout } = this.#child;
    if (stdout) for await (const line of createInterface({ input: stdout })) return JSON.parse(line) as DemoReport;
    throw new Error(problem.trim() || "the process ended without a word");
  }
}

/** The program of the process: all that a project has to write is the line with `start()`. */
async function main(image: string, identity: string): Promise<void> {
  process.title = "demo";
  const iris = await new IrisRegistryContainer(image)
    .withNamespace(identity)
    .withEnvironment({ IRIS_STANDIN_IDENTITY: identity })
    .start();
  const report: DemoReport = { id: iris.getId(), name: iris.getName().replace(/^\//, ""), port: iris.getPort() };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  process.stdin.resume();
  await once(process.stdin, "end");
  await iris.stop();
}

if (import.meta.main) {
  try {
    await main(process.argv[2] ?? "", process.argv[3] ?? "");
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
}
