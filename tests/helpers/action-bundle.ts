import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** `action.yml` as far as the tests need it. */
export type ActionMetadata = {
  readonly inputs: Readonly<Record<string, { readonly description: string; readonly default?: string }>>;
  readonly outputs: Readonly<Record<string, { readonly description: string }>>;
  readonly runs: { readonly main: string; readonly post: string };
};

export const ACTION = parse(readFileSync(join(ROOT, "action.yml"), "utf8")) as ActionMetadata;

const INSTALLED = "IRIS_PORTS_TEST_ACTION";

/** The committed bundle where a runner would have it: alone, with no package beside it. Made once for all tests. */
export function installedAction(): string {
  const directory = process.env[INSTALLED];
  if (directory === undefined) throw new Error("the bundle is installed by tests/helpers/action.setup.ts");
  return directory;
}

/** Installs the bundle for the tests of this run, whichever projects they are of, and returns what removes it again. */
export function installAction(): () => void {
  if (process.env[INSTALLED] !== undefined) return () => {};
  const directory = install();
  process.env[INSTALLED] = directory;
  return () => rmSync(directory, { recursive: true, force: true });
}

function install(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "iris-ports-action-")));
  // Runners of other users run it, too.
  chmodSync(directory, 0o755);
  for (const bundle of ["main", "post", "redis"]) {
    if (!existsSync(join(ROOT, "dist", bundle))) throw new Error("there is no bundle: npm run bundle");
    cpSync(join(ROOT, "dist", bundle), join(directory, "dist", bundle), { recursive: true });
  }
  return directory;
}
