/**
 * Writes the figures of the last `npm run bench` into docs/speed.md, between its markers `bench:start` and `bench:end`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Measurement } from "../bench/measure.ts";

/** The results file of `npm run bench`. */
type Results = {
  readonly at: string;
  readonly machine: { readonly cpu?: string; readonly cores: number; readonly node: string; readonly platform: string };
  readonly results: readonly { readonly title: string; readonly rows: readonly Measurement[] }[];
};

const START = "<!-- bench:start -->";
const END = "<!-- bench:end -->";

/** The page with the tables of these results. @throws when the markers are missing */
export function withBench(page: string, results: Results): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`docs/speed.md has no ${START} with an ${END} behind it`);
  return `${page.slice(0, start + START.length)}\n${tables(results)}${page.slice(end)}`;
}

function tables({ at, machine, results }: Results): string {
  const where = [machine.cpu, `${machine.cores} cores`, machine.platform, `Node ${machine.node.replace(/^v/, "")}`];
  return [
    "",
    `Measured side by side in one run of \`npm run bench\` (${at.slice(0, 10)}; ${where.filter(Boolean).join(", ")}).`,
    "Absolute figures depend on the machine; the system calls at the top are the floor that they stand on.",
    "",
    ...results.flatMap(({ title, rows }) => [...table(title, rows), ""]),
    "",
  ].join("\n");
}

function table(title: string, rows: readonly Measurement[]): string[] {
  const [hasRatio, hasReach] = [rows.some(({ ratio }) => ratio), rows.some(({ reach }) => reach)];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const columns = ["", ...(hasRatio ? [""] : []), ...(hasReach ? ["aim"] : [])];
  return [
    line([title, ...columns]),
    `|---|${columns.map(() => "---:|").join("")}`,
    ...rows.map(({ name, value, unit, ratio, reach }) =>
      line([
        cell(name),
        `${figure(value)} ${unit === "us" ? "µs" : unit}`.replace(" count", ""),
        ...(hasRatio ? [ratio ? `${ratio.factor.toFixed(2)} × ${cell(ratio.to)}` : ""] : []),
        ...(hasReach ? [cell(reach ?? "")] : []),
      ]),
    ),
  ];
}

function figure(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  return value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString("en-US");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<=", "≤").replaceAll(">=", "≥");
}

if (import.meta.main) {
  const root = join(import.meta.dirname, "..");
  const path = join(root, "docs", "speed.md");
  const results = JSON.parse(readFileSync(join(root, "bench", "results", "latest.json"), "utf8")) as Results;
  writeFileSync(path, withBench(readFileSync(path, "utf8"), results));
  process.stdout.write(`docs/speed.md has the figures of ${results.at}\n`);
}
