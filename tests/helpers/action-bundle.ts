import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, realpathSync } from "node:fs";
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

/** The committed bundle where a runner would have it: alone, with no package beside it. Made once in a test process. */
export function installedAction(): string {
  installed ??= install();
  return installed;
}

let installed: string | undefined;

function install(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "iris-ports-action-")));
  // Runners of other users run it, too.
  chmodSync(directory, 0o755);
  for (const bundle of ["main", "post"]) {
    if (!existsSync(join(ROOT, "dist", bundle))) throw new Error("there is no bundle: npm run bundle");
    cpSync(join(ROOT, "dist", bundle), join(directory, "dist", bundle), { recursive: true });
  }
  return directory;
}
