import fs from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { OpenFile } from "../../src/stores/open-file.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

let path: string;

beforeEach(() => {
  path = join(temporaryDirectory(), "file");
  fs.writeFileSync(path, "before");
});

function open(): OpenFile {
  const file = OpenFile.open(path) as OpenFile;
  onTestFinished(() => file.close());
  return file;
}

/** Dates the file so that one tick of the file system's clock cannot hide a write. */
function date(daysAgo: number): void {
  const time = Date.now() / 1_000 - daysAgo * 86_400;
  fs.utimesSync(path, time, time);
}

test("a file that is not there is undefined, and only a regular file is read", () => {
  expect(OpenFile.open(`${path}-missing`)).toBeUndefined();
  expect(() => OpenFile.open(join(path, ".."))).toThrow("not a regular file");
});

test.each([0, 6, 65_536, 200_000])("a file of %i bytes that are known is not copied, and any other is", (size) => {
  const content = Buffer.alloc(size, "x");
  fs.writeFileSync(path, content);
  expect((OpenFile.open(path, content) as OpenFile).bytes).toBe(content);
  for (const other of [Buffer.alloc(size + 1, "x"), Buffer.concat([content.subarray(1), Buffer.from("y")])]) {
    const file = OpenFile.open(path, other) as OpenFile;
    expect(file.bytes).not.toBe(other);
    expect(file.bytes.equals(content)).toBe(true);
    file.close();
  }
});

test("a file that cannot be read is closed again", () => {
  for (const read of ["readFileSync", "readSync"] as const)
    vi.spyOn(fs, read).mockImplementation(() => {
      throw Object.assign(new Error("EIO"), { code: "EIO" });
    });
  const close = vi.spyOn(fs, "closeSync");
  onTestFinished(() => void vi.restoreAllMocks());
  expect(() => OpenFile.open(path)).toThrow("EIO");
  expect(close).toHaveBeenCalledOnce();
});

test.each([
  ["old", 1],
  ["just written", 0],
])("a file that is %s and unchanged has no changed bytes", (_, daysAgo) => {
  date(daysAgo);
  expect(open().changedBytes()).toBeUndefined();
});

test("a write of the same length within the same tick is noticed", () => {
  const { mtime } = fs.statSync(path);
  const file = open();
  fs.writeFileSync(path, "after!");
  fs.utimesSync(path, mtime, mtime);
  expect(file.changedBytes()?.toString()).toBe("after!");
});

test("later writes are noticed, even after another file has taken the name", () => {
  date(1);
  const file = open();
  const writer = fs.openSync(path, "r+");
  fs.writeFileSync(`${path}-new`, "new");
  fs.renameSync(`${path}-new`, path);
  fs.writeSync(writer, "behind the name");
  fs.closeSync(writer);
  expect(file.bytes.toString()).toBe("before");
  expect(file.changedBytes()?.toString()).toBe("behind the name");
});
