import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { codeWords, MarkdownPage } from "../helpers/markdown.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const rules = new MarkdownPage("docs/contract.md")
  .rows("Contract")
  .filter(([id = ""]) => /^[A-Z]\d+$/.test(id))
  .map(([id = "", , shownBy = ""]) => ({ id, files: codeWords(shownBy) }));

const idsOfFiles = new Map(
  globSync("tests/**/*.test.ts", { cwd: ROOT, exclude: ["tests/repository/contract.test.ts"] }).map((path) => {
    return [path.replaceAll("\\", "/"), idsIn(path)] as const;
  }),
);

describe("docs/contract.md", () => {
  test("gives every rule an id of its own", () => {
    expect(rules.length).toBeGreaterThan(30);
    expect(rules.map(({ id }) => id)).toEqual([...new Set(rules.map(({ id }) => id))]);
  });

  test.each(rules)("names for $id only files with a test of that id", ({ id, files }) => {
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((path) => !idsOfFiles.get(path)?.has(id))).toEqual([]);
  });

  test("has every id that a test carries", () => {
    const carried = [...idsOfFiles.values()].flatMap((ids) => [...ids]);
    expect(rules.map(({ id }) => id)).toEqual(expect.arrayContaining([...new Set(carried)]));
  });
});

/** The ids with which names of tests and groups of tests begin, as in `R1, R2: a project ...`. */
function idsIn(path: string): ReadonlySet<string> {
  const source = readFileSync(join(ROOT, path), "utf8");
  const names = source.matchAll(/["`]((?:[A-Z]\d+(?:, )?)+):? /g);
  return new Set([...names].flatMap(([, ids = ""]) => ids.split(", ")));
}
