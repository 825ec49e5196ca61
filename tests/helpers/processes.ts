import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { ProcessHolder, ProcessIdentity } from "../../src/registry/holder.ts";
import { identifyProcess } from "../../src/registry/host/process-identity.ts";

/** A real process that does nothing until it is killed. */
export class IdleProcess {
  readonly identity: ProcessIdentity;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, identity: ProcessIdentity) {
    this.#child = child;
    this.identity = identity;
  }

  static async start(): Promise<IdleProcess> {
    const child = spawn(process.execPath, ["-e", "console.log('up'); setInterval(() => {}, 1e9)"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => endChild(child));
    await once(child.stdout, "data");
    return new IdleProcess(child, await identifyProcess(child.pid as number));
  }

  /** `kill -9`, and waits until the process is gone. */
  async kill(): Promise<void> {
    await endChild(this.#child);
  }

  holder(id = `process ${this.identity.pid}`, more: Partial<ProcessHolder> = {}): ProcessHolder {
    return { id, since: new Date(), ...more, kind: "process", process: { ...this.identity, ...more.process } };
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** A program of tests/fixtures in a process of its own. */
export class Program {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  #stderr = "";
  #seen = 0;
  #wake = Promise.withResolvers<void>();
  readonly #ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }>;

  constructor(command: string, args: readonly string[], options: { env?: Record<string, string>; cwd?: string } = {}) {
    this.child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
    });
    onTestFinished(() => endChild(this.child));
    this.child.stderr?.on("data", (chunk) => {
      this.#stderr += chunk;
    });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      this.lines.push(line);
      this.#notify();
    });
    this.#ended = once(this.child, "close").then(([code, signal]) => {
      this.#notify();
      return { code, signal, stderr: this.#stderr };
    });
  }

  /** Runs a TypeScript program of tests/fixtures. */
  static node(fixture: string, args: readonly unknown[] = [], env: Record<string, string> = {}): Program {
    const path = fileURLToPath(new URL(`../fixtures/${fixture}`, import.meta.url));
    return new Program(process.execPath, ["--disable-warning=ExperimentalWarning", path, ...args.map(String)], { env });
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The next line it prints; undefined when it ended without one. */
  async nextLine(): Promise<string | undefined> {
    for (;;) {
      const line = this.lines[this.#seen];
      if (line !== undefined) {
        this.#seen++;
        return line;
      }
      if (!this.isRunning) {
        await this.#ended;
        return this.lines[this.#seen++];
      }
      await this.#wake.promise;
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits for its end. */
  ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }> {
    return this.#ended;
  }

  /** Waits for its end, which must be a success, and gives what it printed. */
  async output(): Promise<readonly string[]> {
    const { code, signal, stderr } = await this.#ended;
    if (code !== 0) throw new Error(`the program ended with ${signal ?? code}: ${stderr}`);
    return this.lines;
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}
