import fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readFileList, readFileOrContent } from "../../action/inputs/file-or-content.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

test("a directory of init scripts stands for up to 1,000 files below it; more are refused", () => {
  const workspace = temporaryDirectory();
  fs.mkdirSync(join(workspace, "scripts/more"), { recursive: true });
  for (let number = 1; number < 1_000; number++) fs.writeFileSync(join(workspace, `scripts/more/${number}.sql`), "");
  fs.writeFileSync(join(workspace, "scripts/first.sql"), "SELECT 1");
  const files = readFileList("init-scripts", "scripts\n", workspace);
  expect(files).toHaveLength(1_000);
  expect(files[0]).toEqual({ shown: "scripts/first.sql", content: "SELECT 1" });
  fs.writeFileSync(join(workspace, "scripts/one-too-many.sql"), "");
  expect(() => readFileList("init-scripts", "scripts", workspace)).toThrow(/a directory with more than 1000 files/);
});

test("only for an input that accepts content, the error advises to give the content", () => {
  const options = { workspace: temporaryDirectory() };
  expect(() => readFileList("init-scripts", "none.sql", options.workspace)).toThrow(
    /give a path, relative to the workspace or absolute$/,
  );
  expect(() => readFileOrContent("cpf-merge", "none.cpf", options)).toThrow(/or absolute, or the content itself/);
});
