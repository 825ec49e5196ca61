import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { codeWords, MarkdownPage } from "../helpers/markdown.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PATH = /^(\.github|action|bench|docs|examples|scripts|src|tests)\/[\w./-]*$/;

test.each(MarkdownPage.all().map((page) => [page.path, page] as const))(
  "every path that %s names exists",
  (_, page) => {
    const paths = codeWords(page.text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, "")).filter((word) => PATH.test(word));
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  },
);

test("docs/how-it-works.md names the files of every rule of the contract", () => {
  const rules = new MarkdownPage("docs/contract.md")
    .rows("Contract")
    .flatMap(([id = ""]) => id.match(/^[A-Z]\d+$/) ?? []);
  const located = new MarkdownPage("docs/how-it-works.md")
    .rows("Which file has which rule")
    .flatMap(([ids = ""]) => ids.split(" "));
  expect(rules.length).toBeGreaterThan(30);
  expect(located.sort()).toEqual(expect.arrayContaining(rules));
});
