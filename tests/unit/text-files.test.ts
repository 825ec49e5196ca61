import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readFileList, readFileOrContent } from "../../action/inputs/file-or-content.ts";
import { readUpOptions } from "../../src/cli/iris/up-options.ts";
import { readInitScripts } from "../../src/containers/session/init-scripts.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

describe("a text file that goes into IRIS", () => {
  function fileOf(bytes: string): string {
    const path = join(temporaryDirectory(), "seed.sql");
    fs.writeFileSync(path, bytes, "latin1");
    return path;
  }
  const readers: readonly [string, (path: string) => unknown][] = [
    ["an init script of the library", async (path) => readInitScripts([path])[0]?.content],
    ["an init script of the action", async (path) => readFileList("init-scripts", path, "/")[0]?.content],
    ["the password of up", async (path) => (await readUpOptions(undefined, { passwordFile: path })).setup.password],
    ["the merge file of up", async (path) => (await readUpOptions(undefined, { cpfMerge: path })).cpfMerge],
  ];

  test.each(readers)(
    "is refused in another encoding than UTF-8, of which IRIS would get parts only: %s",
    async (_, read) => {
      await expect(read(fileOf("M\xfcller"))).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(/seed\.sql.*not UTF-8 text|not UTF-8 text.*seed\.sql/),
      });
    },
  );

  test("is refused without showing its path, which may be a secret", () => {
    const path = fileOf("M\xfcller");
    const read = () => readFileOrContent("license-key", path, { workspace: "/", isSecret: true });
    expect(read).toThrow('`license-key` names a file that cannot be read (it is not UTF-8 text): "(not shown)"');
  });

  test.each(readers)("is read without its byte order mark: %s", async (_, read) => {
    expect(await read(fileOf("\xef\xbb\xbfM\xc3\xbcller"))).toBe("Müller");
  });

  test("is one of all files below a directory of init scripts, sorted by path", () => {
    const directory = temporaryDirectory();
    fs.mkdirSync(join(directory, "2"));
    for (const name of ["2/b.sql", "3.cls", "1.script"]) fs.writeFileSync(join(directory, name), name);
    const scripts = ["1.script", "2/b.sql", "3.cls"].map((name) => ({ shown: join(directory, name), content: name }));
    expect(readInitScripts([directory])).toEqual(scripts);
    expect(readFileList("init-scripts", directory, "/")).toEqual(scripts);
    for (let number = 0; number < 1_000; number++) fs.writeFileSync(join(directory, `2/${number}`), "");
    expect(() => readInitScripts([directory])).toThrow(/a directory with more than 1000 files/);
  });

  test.each([
    ["--password-file", { passwordFile: "n".repeat(300) }],
    ["--license-key", { licenseKey: "n".repeat(300) }],
    ["--data", { data: "n".repeat(300) }],
  ])("is named where the system does not let up look at it: %s", async (option, options) => {
    await expect(readUpOptions(undefined, options)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: option,
      message: expect.stringContaining("ENAMETOOLONG"),
    });
  });
});
