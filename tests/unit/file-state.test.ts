import fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCommand } from "../../scripts/run-command.ts";
import { accessProblem, fileState, namesIn } from "../../src/stores/file-state.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

test("the state of a path is read without following links", async () => {
  const directory = temporaryDirectory();
  const at = (name: string) => join(directory, name);
  fs.writeFileSync(at("file"), "");
  fs.symlinkSync(at("file"), at("link"));
  expect(await runCommand("mkfifo", [at("other")])).toMatchObject({ exitCode: 0 });
  expect(fileState(directory)).toMatchObject({ kind: "directory" });
  for (const kind of ["file", "link", "other"] as const) expect(fileState(at(kind)).kind).toBe(kind);
  expect(fileState(at("missing"))).toEqual({ path: at("missing"), kind: "missing" });
  const inaccessible = at("x".repeat(300));
  expect(fileState(inaccessible)).toEqual({ path: inaccessible, kind: "inaccessible", code: "ENAMETOOLONG" });
});

test("a directory must be usable, a file readable and writable", () => {
  const directory = temporaryDirectory();
  const path = join(directory, "file");
  fs.writeFileSync(path, "");
  expect([directory, path].map((each) => accessProblem(fileState(each)))).toEqual([undefined, undefined]);
  expect(accessProblem(fileState(join(directory, "missing")))).toBe("ENOENT");
});

test("only a directory has a list of names", () => {
  const directory = temporaryDirectory();
  const path = join(directory, "file");
  fs.writeFileSync(path, "");
  expect([directory, path].map((each) => namesIn(fileState(each)))).toEqual([["file"], []]);
});
