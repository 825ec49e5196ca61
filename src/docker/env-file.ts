import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment } from "../settings/config.ts";

/** Docker reads lines of at most 64 KiB from such a file. */
const LONGEST_LINE_BYTES = 60_000;

/**
 * Passes a container's environment to the docker command in a file: every user of the host can read arguments, and in
 * the command's own environment the container's HTTP_PROXY would redirect the command.
 */
export class EnvFile implements Disposable {
  /** For `docker create`. */
  readonly args: readonly string[];
  /**
   * Variables whose values do not fit on one line of a file; they are passed in the environment of the docker command.
   */
  readonly env: Readonly<Record<string, string>>;
  readonly #directory: string | undefined;

  constructor(values: Readonly<Record<string, string>>) {
    const filed = Object.entries(values).filter((entry) => fitsEnvFile(...entry));
    const others = Object.entries(values).filter((entry) => !fitsEnvFile(...entry));
    this.env = Object.fromEntries(others);
    const names = others.flatMap(([name]) => ["--env", name]);
    if (filed.length === 0) {
      this.args = names;
      return;
    }
    // The runner empties its own directory, also after a job that was killed.
    this.#directory = mkdtempSync(join(environment().runnerTemp ?? tmpdir(), "iris-ports-env-"));
    const path = join(this.#directory, "env");
    this.args = ["--env-file", path, ...names];
    try {
      writeFileSync(path, filed.map(([name, value]) => `${name}=${value}\n`).join(""), { mode: 0o600, flag: "wx" });
    } catch (error) {
      // On a full disk, part of it may be written.
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** False for a variable that has to go through the environment of the docker command, which may obey it. */
export function fitsEnvFile(name: string, value: string): boolean {
  return !/[\r\n]/.test(value) && Buffer.byteLength(`${name}=${value}`) <= LONGEST_LINE_BYTES;
}
