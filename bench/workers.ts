import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A worker's task: assign, and release unless `isKept`, repeatedly for `seconds`. */
export type Task = {
  readonly registry: string;
  readonly range: readonly [number, number];
  readonly project: string;
  readonly isKept?: boolean;
  readonly seconds?: number;
  readonly isDurable?: boolean;
  readonly isEngineAsked?: boolean;
  readonly lockTimeoutMs?: number;
  readonly waitTimeoutMs?: number;
};

/** A worker's result. */
export type Answer = {
  /** How long each call took, in milliseconds. */
  readonly waits: readonly number[];
  /** The ports it had, with monotonic times in nanoseconds. */
  readonly held: readonly (readonly [port: number, from: string, to: string])[];
  /** The number of failed calls, by error code. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly cpuMs: number;
};

/** Processes that have loaded their modules and wait for tasks; disposal ends them. */
export class Workers implements Disposable {
  readonly #children: readonly ChildProcess[];
  readonly #lines: readonly Interface[];

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
    this.#lines = children.map((child) => createInterface(child.stdout as NodeJS.ReadableStream));
  }

  /** @param python the interpreter that has the Python tool; without it, the workers run iris-ports */
  static async start(count: number, python?: string): Promise<Workers> {
    const script = fileURLToPath(new URL(python ? "worker.py" : "worker.ts", import.meta.url));
    const workers = new Workers(
      Array.from({ length: count }, () =>
        spawn(python ?? process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] }),
      ),
    );
    await Promise.all(workers.#lines.map((lines) => once(lines, "line")));
    return workers;
  }

  /** Gives the first workers a task each at once. */
  async run(tasks: readonly Task[]): Promise<readonly Answer[]> {
    const answers = tasks.map((_, index) => once(this.#lines[index] as Interface, "line"));
    for (const [index, task] of tasks.entries()) this.#children[index]?.stdin?.write(`${JSON.stringify(task)}\n`);
    return (await Promise.all(answers)).map(([line]) => JSON.parse(line as string) as Answer);
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill();
  }
}
