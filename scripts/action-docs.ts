/**
 * Writes the tables of inputs and outputs, from action.yml, between the markers of README.md and docs/. With `--check`,
 * only reports whether they are up to date.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

type Field = { readonly description: string; readonly default?: string };
type Metadata = Readonly<Record<"inputs" | "outputs", Readonly<Record<string, Field>>>>;

const root = join(import.meta.dirname, "..");
const metadata = parse(readFileSync(join(root, "action.yml"), "utf8")) as Metadata;
const isCheck = process.argv.includes("--check");
let tables = 0;

for (const page of globSync(["README.md", "docs/*.md"], { cwd: root }).sort()) {
  const before = readFileSync(join(root, page), "utf8");
  const after = withTables(before);
  if (after === before) continue;
  if (isCheck) {
    console.error(`${page}: its tables are not those of action.yml. To fix: npm run action-docs`);
    process.exitCode = 1;
  } else {
    writeFileSync(join(root, page), after);
  }
}
if (tables === 0) {
  console.error("No page has the markers <!-- inputs:start --> and <!-- inputs:end -->, or those of outputs.");
  process.exitCode = 1;
}

function withTables(page: string): string {
  return page.replaceAll(
    /(<!-- (inputs|outputs):start -->\n)[\s\S]*?(<!-- \2:end -->)/g,
    (_, start: string, kind: "inputs" | "outputs", end: string) => {
      tables += 1;
      return `${start}\n${table(kind)}\n\n${end}`;
    },
  );
}

function table(kind: "inputs" | "outputs"): string {
  const fields = Object.entries(metadata[kind]);
  const headings = kind === "inputs" ? ["input", "meaning", "default"] : ["output", "meaning"];
  const rows = fields.map(([name, field]) => [
    `\`${name}\``,
    cell(field.description),
    ...(kind === "inputs" ? [field.default === undefined ? "" : `\`${cell(field.default)}\``] : []),
  ]);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`.replaceAll("|  |", "| |");
  return [line(headings), line(headings.map(() => "---")), ...rows.map(line)].join("\n");
}

function cell(text: string): string {
  return text.trim().replaceAll(/\s+/g, " ").replaceAll("|", "\\|");
}
