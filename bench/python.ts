import { execFileSync } from "node:child_process";
import { join } from "node:path";

/**
 * Installs the Python tool iris-devtester below `directory` and returns its interpreter; undefined, after printing the
 * reason, if that fails.
 */
export function installPythonTool(directory: string): string | undefined {
  const python = join(directory, "python", "bin", "python");
  try {
    execFileSync("python3", ["-m", "venv", join(directory, "python")], { stdio: "pipe" });
    execFileSync(python, ["-m", "pip", "install", "--quiet", "iris-devtester"], { stdio: "pipe" });
    const version =
      "from importlib.metadata import version as v; print(v('iris-devtester'), 'filelock', v('filelock'))";
    const found = execFileSync(python, ["-c", version], { encoding: "utf8" }).trim();
    process.stdout.write(`beside the Python tool iris-devtester ${found}\n`);
    return python;
  } catch (cause) {
    process.stdout.write(`without the Python tool, which could not be installed: ${(cause as Error).message}\n`);
    return undefined;
  }
}
