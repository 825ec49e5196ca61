import { execFile } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Program } from "./processes.ts";

const CACHE = fileURLToPath(new URL("../../node_modules/.cache/iris-ports-pypi/", import.meta.url));
const SCRIPT = fileURLToPath(new URL("../fixtures/python_tool.py", import.meta.url));

/** Which releases of the Python tool, and of the lock library that it uses. */
export type PythonVersions = { readonly tester: string; readonly filelock: string };

/**
 * The releases that registries are tested beside. filelock 3.20.4 to 3.29 remove the lock file when they leave it, the
 * others keep it; from 1.12.6 on, the tool moves a project whose port is in use.
 */
export const PYTHON_VERSIONS: readonly PythonVersions[] = [
  { tester: "1.4.7", filelock: "3.13.4" },
  { tester: "1.5.3", filelock: "3.20.3" },
  { tester: "1.12.7", filelock: "3.29.0" },
  { tester: "1.21.0", filelock: "4.3.1" },
];

/** The Python tool iris-devtester as PyPI has it. */
export class PythonTool {
  readonly #site: string;
  readonly #env: Record<string, string>;

  private constructor(site: string, env: Record<string, string> = {}) {
    this.#site = site;
    this.#env = env;
  }

  /** The same tool with these variables in its environment. */
  in(env: Record<string, string>): PythonTool {
    return new PythonTool(this.#site, env);
  }

  /** Installs it once for all tests. @throws Error where PyPI or pip cannot be used */
  static async install({ tester, filelock }: PythonVersions): Promise<PythonTool> {
    const site = join(CACHE, `iris-devtester-${tester}-filelock-${filelock}`);
    if (!fs.existsSync(site)) await download(site, [`iris-devtester==${tester}`, `filelock==${filelock}`]);
    return new PythonTool(site);
  }

  /** Runs a command of tests/fixtures/python_tool.py on a registry. */
  start(registryPath: string, ...args: readonly unknown[]): Program {
    return new Program("python3", [SCRIPT, this.#site, registryPath, ...args.map(String)], { env: this.#env });
  }

  async run(registryPath: string, ...args: readonly unknown[]): Promise<readonly string[]> {
    return this.start(registryPath, ...args).output();
  }
}

/** Two tests may install at once: only a complete installation gets its name. */
async function download(site: string, packages: readonly string[]): Promise<void> {
  fs.mkdirSync(CACHE, { recursive: true });
  const prepared = fs.mkdtempSync(join(CACHE, "new-"));
  const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", prepared];
  try {
    await promisify(execFile)("python3", [...args, ...packages]);
    fs.renameSync(prepared, site);
  } catch (cause) {
    fs.rmSync(prepared, { recursive: true });
    if (fs.existsSync(site)) return;
    throw new Error(`these tests need python3 with pip, and PyPI: ${packages.join(" ")} could not be installed`, {
      cause,
    });
  }
}
