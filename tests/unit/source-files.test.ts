import fs from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { sourceFiles } from "../../src/containers/session/source-files.ts";
import { InvalidArgumentError, IrisNamespace } from "../../src/index.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

function directoryWith(...names: readonly string[]): string {
  const directory = temporaryDirectory();
  for (const name of names) fs.writeFileSync(join(directory, name), "");
  return directory;
}

test("a link that leads back to a directory above ends there", () => {
  const directory = directoryWith("A.cls");
  fs.symlinkSync(directory, join(directory, "loop"));
  fs.symlinkSync("itself", join(directory, "itself"));
  expect(sourceFiles(directory).map((file) => basename(file))).toEqual(["A.cls"]);
  expect(sourceFiles(join(directory, "**/*.cls"))).toEqual([join(directory, "A.cls")]);
});

test("a source file that is a link to nothing is named, and nothing is run", async () => {
  const directory = directoryWith("A.cls");
  fs.symlinkSync("/nowhere", join(directory, "B.cls"));
  const host = { exec: () => Promise.reject(new Error("nothing is to be run")) };
  const connection = { host: "127.0.0.1", port: 1972, namespace: "USER", username: "_SYSTEM", password: "SYS" };
  const imported = new IrisNamespace(host, connection, "container").importClasses(directory);
  await expect(imported).rejects.toThrow(InvalidArgumentError);
  await expect(imported).rejects.toThrow(/B\.cls/);
});

test.each(["/nowhere/A.cls", "/dev/null/A.cls", "/nowhere/*.cls"])("%j names no file", (path) => {
  expect(() => sourceFiles(path)).toThrow(/names no file of classes or routines/);
});

test.each([
  ["a\0b", /null bytes/],
  ["x".repeat(5_000), /name too long/],
])("the system's reason is given where it cannot look up %j", (path, reason) => {
  expect(() => sourceFiles(path)).toThrow(InvalidArgumentError);
  expect(() => sourceFiles(path)).toThrow(reason);
});
