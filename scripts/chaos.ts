/**
 * Runs the chaos tests for a given time and prints a summary: `npm run chaos -- --minutes 10`. `--only storm` runs only
 * the files whose names begin with it. Exits with 1 if a promise was broken or a test failed.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, styleText } from "node:util";

type Line = { readonly test: string; readonly figures: Readonly<Record<string, number>> };

const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" }, only: { type: "string" } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  console.error("--minutes takes a number above 0, e.g. npm run chaos -- --minutes 10");
  process.exit(2);
}
const directory = mkdtempSync(join(tmpdir(), "iris-ports-figures-"));
const figuresPath = join(directory, "figures.jsonl");
const code = await runTests();
const lines = existsSync(figuresPath) ? readFileSync(figuresPath, "utf8").trim().split("\n").map(readLine) : [];
rmSync(directory, { recursive: true });
const violations = print(lines);
process.exitCode = code === 0 && violations === 0 ? 0 : 1;

function runTests(): Promise<number> {
  const filter = values.only === undefined ? [] : [join("tests", "chaos", values.only)];
  const args = [join("node_modules", "vitest", "vitest.mjs"), "run", "--project", "chaos", ...filter];
  const env = { ...process.env, CHAOS_MINUTES: String(minutes), CHAOS_FIGURES: figuresPath };
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"], env });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (exitCode) => resolve(exitCode ?? 1));
  });
}

function readLine(line: string): Line {
  return JSON.parse(line) as Line;
}

/** Prints a row for each test, and the totals; returns how many promises were broken. */
function print(all: readonly Line[]): number {
  const total: Record<string, number> = {};
  console.log(styleText("bold", `\nChaos for ${minutes} minutes`));
  for (const { test, figures } of all) {
    const counts = Object.entries(figures).map(([name, count]) => `${name} ${count.toLocaleString("en")}`);
    console.log(`  ${test.padEnd(36)} ${counts.join(", ")}`);
    for (const name of ["operations", "cycles", "kills", "stops", "faults", "violations"])
      total[name] = (total[name] ?? 0) + (figures[name] ?? 0);
  }
  console.log(
    styleText(
      "bold",
      `  ${"in all".padEnd(36)} ${Object.entries(total)
        .map(([name, count]) => `${name} ${count.toLocaleString("en")}`)
        .join(", ")}`,
    ),
  );
  return total["violations"] ?? 0;
}
