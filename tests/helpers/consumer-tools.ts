import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import lockfile from "proper-lockfile";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Projects of people who use the package, and the tools that they use. */
export const CONSUMERS = join(ROOT, "tests", "consumers");

/** Tools of tests/consumers/package.json, installed. */
export type ConsumerTools = {
  readonly packages: ReadonlyMap<string, string>;
  /** Where their commands are. */
  readonly bin: string;
};

/** The tools are installed once, and again when their lock file changes. */
export async function consumerTools(): Promise<ConsumerTools> {
  const lock = fs.readFileSync(join(CONSUMERS, "package-lock.json"));
  const digest = createHash("sha256").update(lock).digest("hex").slice(0, 16);
  const directory = join(ROOT, "node_modules", ".cache", `consumers-${digest}`);
  fs.mkdirSync(directory, { recursive: true });
  const release = await lockfile.lock(directory, { stale: 60_000, retries: { retries: 300, maxTimeout: 1_000 } });
  try {
    const mark = join(directory, "installed");
    if (!fs.existsSync(mark)) {
      for (const name of ["package.json", "package-lock.json"])
        fs.copyFileSync(join(CONSUMERS, name), join(directory, name));
      // Not `npm ci`, which takes an optional package for another platform to be missing from the lock file.
      await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund"], { cwd: directory });
      fs.writeFileSync(mark, "");
    }
  } finally {
    await release();
  }
  const { dependencies } = JSON.parse(fs.readFileSync(join(CONSUMERS, "package.json"), "utf8"));
  const modules = join(directory, "node_modules");
  const packages = new Map(Object.keys(dependencies).map((name) => [name, join(modules, name)]));
  return { packages, bin: join(modules, ".bin") };
}
