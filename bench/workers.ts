import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

/** What a worker is to do: assign, and release unless `isKept`; again and again for `seconds`. */
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

/** What a worker saw. */
export type Answer = {
  /** How long each call took, in milliseconds. */
  readonly waits: readonly number[];
  /** The ports it had, with monotonic times in nanoseconds. */
  readonly held: readonly (readonly [port: number, from: string, to: string])[];
  /** How often a call ended with which error code. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly cpuMs: number;
};

/** Processes that have loaded all they need and wait for their tasks; all are ended when they go out of scope. */
export class Workers implements Disposable {
  readonly #children: readonly ChildProcess[];
  readonly #lines: readonly Interface[];

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
    this.#lines = children.map((child) => createInterface(child.stdout as NodeJS.ReadableStream));
  }

  /** @param python the interpreter that has the Python tool; without one they are ours */
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
