import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts } from "./free-ports.ts";

/** The command as it is packed; the global setup builds it. */
export const BIN = fileURLToPath(new URL("../../dist/lib/cli/bin.js", import.meta.url));

/** The environment without what npm sets for its scripts: a command that starts in it was not started by npm or npx. */
export const outsideNpm: NodeJS.ProcessEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")),
);

/** How a command line ended and what it said. */
export type CliResult = { readonly exitCode: number | null; readonly stdout: string; readonly stderr: string };

/** A directory with the projects `shop`, `other`, `a` and `b`, a registry and ten ports that no other test uses. */
export class CliSandbox implements Disposable {
  readonly directory = realpathSync(mkdtempSync(join(tmpdir(), "iris-ports-cli-")));
  readonly registryPath = join(this.directory, "registry", "port-registry.json");
  readonly firstPort: number;

  private constructor(firstPort: number) {
    this.firstPort = firstPort;
    for (const name of ["shop", "other", "a", "b"]) this.project(name);
  }

  static async create(): Promise<CliSandbox> {
    const [firstPort] = await freePorts(10);
    return new CliSandbox(firstPort);
  }

  /** A project's directory, which exists. */
  project(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /**
   * Starts `iris-ports` as a user would who has installed it globally, with its standard input closed. Out of any terminal
   * and npm: the tests may be run in both.
   */
  start(
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    stdio: StdioOptions = ["ignore", "pipe", "pipe"],
  ): ChildProcess {
    return spawn(process.execPath, [BIN, ...args], {
      cwd: this.directory,
      detached: process.platform !== "win32",
      stdio,
      env: {
        ...outsideNpm,
        HOME: this.directory,
        IRIS_PORT_REGISTRY: this.registryPath,
        IRIS_PORT_RANGE: `${this.firstPort}-${this.firstPort + 9}`,
        IRIS_PORTS_PROJECT: undefined,
        IRIS_PORTS_INSTANCE: undefined,
        NO_COLOR: undefined,
        FORCE_COLOR: undefined,
        ...env,
      },
    });
  }

  async run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CliResult> {
    return resultOf(this.start(args, env));
  }

  /** What a command prints as JSON. */
  async json(...args: string[]): Promise<unknown> {
    return JSON.parse((await this.run([...args, "--json"])).stdout);
  }

  /** The same text in every run: paths from the sandbox, ports counted from its first. */
  stable(text: string): string {
    const port = (digits: string) => {
      const offset = Number(digits) - this.firstPort;
      return offset >= 0 && offset < 10 ? `<port ${offset}>` : digits;
    };
    return text
      .replaceAll(this.directory, "<dir>")
      .replace(/(?<!\d)\d{5}(?!\d)/g, port)
      .replace(/iris_[0-9a-f]{8}_/g, "iris_<hash>_")
      .replace(/\b\d+ s\b/g, "<age>");
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Waits for the end of a process and collects what it said. */
export function resultOf(child: ChildProcess): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}

/** Waits until a process has said something that matches. */
export function said(child: ChildProcess, words: RegExp): Promise<RegExpMatchArray> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (chunk) => {
      text += chunk;
      const match = text.match(words);
      if (match) resolve(match);
    });
    child.on("close", () => reject(new Error(`ended without saying ${words}: ${text}`)));
  });
}
