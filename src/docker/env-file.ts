import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment } from "../settings/config.ts";

/** What docker reads as one line of such a file is at most 64 KiB. */
const LONGEST_LINE_BYTES = 60_000;

/**
 * A container's environment on its way to the docker command: not among the arguments, which every user of the host can
 * read, nor in the command's own environment, where the container's HTTP_PROXY would send the command elsewhere.
 */
export class EnvFile implements Disposable {
  /** For `docker create`. */
  readonly args: readonly string[];
  /** What no line of a file can carry, for the environment of the command after all. */
  readonly env: Readonly<Record<string, string>>;
  readonly #directory: string | undefined;

  constructor(values: Readonly<Record<string, string>>) {
    const lines = Object.entries(values).map(([name, value]) => ({ name, value, line: `${name}=${value}` }));
    const filed = lines.filter(({ line }) => isFit(line));
    const others = lines.filter(({ line }) => !isFit(line));
    this.env = Object.fromEntries(others.map(({ name, value }) => [name, value]));
    const names = others.flatMap(({ name }) => ["--env", name]);
    if (filed.length === 0) {
      this.args = names;
      return;
    }
    // The runner empties its own directory, also after a job that was killed.
    this.#directory = mkdtempSync(join(environment().runnerTemp ?? tmpdir(), "iris-ports-env-"));
    const path = join(this.#directory, "env");
    writeFileSync(path, filed.map(({ line }) => `${line}\n`).join(""), { mode: 0o600, flag: "wx" });
    this.args = ["--env-file", path, ...names];
  }

  [Symbol.dispose](): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }
}

function isFit(line: string): boolean {
  return !/[\r\n]/.test(line) && Buffer.byteLength(line) <= LONGEST_LINE_BYTES;
}
