/**
 * Compiles src/ to dist/lib/. `--if-stale`: only when something in src/ is newer than the last build; `--no-check`:
 * without looking at types, which `npm run check` does.
 * The old build is swapped for the new one, so that tests that are running never see half of one.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, globSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const target = join(root, "dist", "lib");
const scratch = join(root, "build", `lib-${process.pid}`);

if (!process.argv.includes("--if-stale") || isStale()) build();

function build(): void {
  try {
    const noCheck = process.argv.includes("--no-check") ? ["--noCheck"] : [];
    const args = [tsc(), "--project", "tsconfig.build.json", "--outDir", join(scratch, "new"), ...noCheck];
    execFileSync(process.execPath, args, { cwd: root, stdio: "inherit" });
    chmodSync(join(scratch, "new", "cli", "bin.js"), 0o755);
    mkdirSync(join(root, "dist"), { recursive: true });
    if (existsSync(target)) renameSync(target, join(scratch, "old"));
    renameSync(join(scratch, "new"), target);
  } catch (error) {
    // tsc has said what is wrong; a stack trace of this script would only bury it.
    if ((error as { status?: unknown }).status === undefined) throw error;
    process.exitCode = 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function tsc(): string {
  return join(root, "node_modules", "typescript", "bin", "tsc");
}

function isStale(): boolean {
  const built = join(target, "cli", "bin.js");
  if (!existsSync(built)) return true;
  const builtAt = statSync(built).mtimeMs;
  const sources = [...globSync("src/**/*.ts", { cwd: root }), "tsconfig.json", "tsconfig.build.json"];
  return sources.some((path) => statSync(join(root, path)).mtimeMs > builtAt);
}
