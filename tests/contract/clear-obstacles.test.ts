import fs from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FileStore } from "../../src/stores/file-store.ts";
import { inspectFiles } from "../../src/stores/registry-files.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

const { openSync, rmSync } = fs;
let path: string;

beforeEach(async () => {
  path = join(temporaryDirectory(), "port-registry.json");
  await open().update(async (document) => ({ document: { ...document }, result: undefined }));
});

afterEach(() => {
  vi.restoreAllMocks();
});

const open = () => new FileStore({ path, lockTimeoutMs: 5_000, isDurable: false });
const commits = () => `${path}.commit`;

/** What a killed process leaves in the commit directory. */
function leaveBehind(): string {
  const leftover = join(commits(), `data.0.${"ab".repeat(8)}`);
  fs.writeFileSync(leftover, "");
  return leftover;
}

describe("clearing obstacles", () => {
  test("removes leftovers and a stale lock, and moves aside what is in a lock's place", async () => {
    const leftover = leaveBehind();
    fs.mkdirSync(`${path}.lock`);
    fs.utimesSync(`${path}.lock`, 1, 1);
    expect(await open().clearObstacles()).toEqual([{ path: `${path}.lock` }, { path: leftover }]);
    fs.writeFileSync(`${path}.lock`, "a file");
    const [cleared] = await open().clearObstacles();
    expect(fs.readFileSync(cleared?.keptAs as string, "utf8")).toBe("a file");
    expect(await open().clearObstacles()).toEqual([]);
  });

  test("leaves a version that was claimed and not published to the next change", async () => {
    const head = fs.readdirSync(commits()).find((name) => name.startsWith("head.")) as string;
    const data = join(commits(), head.replace("head", "data"));
    fs.renameSync(path, data);
    expect(await open().clearObstacles()).toEqual([]);
    await open().replaceUnreadable(async () => ({ result: undefined }));
    expect([fs.existsSync(path), fs.existsSync(data)]).toEqual([true, false]);
  });

  test("skips what is gone meanwhile, and ends with an error if the system refuses", async () => {
    const leftover = leaveBehind();
    vi.spyOn(fs, "rmSync").mockImplementation((at, options) => {
      if (at === leftover) rmSync(at);
      rmSync(at, options);
    });
    expect(await open().clearObstacles()).toEqual([]);
    leaveBehind();
    vi.spyOn(fs, "rmSync").mockImplementation(() => {
      throw Object.assign(new Error("EIO: as the system says"), { code: "EIO" });
    });
    await expect(open().clearObstacles()).rejects.toMatchObject({
      code: "REGISTRY_ACCESS",
      what: expect.stringContaining(`EIO at ${leftover}`),
    });
  });

  test("leaves a link alone if nothing shows that it ever was a registry", async () => {
    const link = join(temporaryDirectory(), "port-registry.json");
    fs.symlinkSync(path, link);
    const elsewhere = new FileStore({ path: link, lockTimeoutMs: 5_000, isDurable: false });
    await expect(elsewhere.clearObstacles()).rejects.toMatchObject({ code: "REGISTRY_CORRUPT" });
    const [cleared] = await elsewhere.clearObstacles({ isForced: true });
    expect(fs.readlinkSync(cleared?.keptAs as string)).toBe(path);
  });
});

test.each(["port-registry.json", "lock-owner"])(
  "a programming error at %s is not taken for the file's state",
  async (name) => {
    vi.spyOn(fs, "openSync").mockImplementation((at, flags, mode) => {
      if (basename(String(at)) === name) throw new TypeError("a mistake of ours");
      return openSync(at, flags, mode);
    });
    await expect(inspectFiles(path)).rejects.toThrow(TypeError);
  },
);

test("a document of a newer schema is not replaced as an unreadable one", async () => {
  fs.writeFileSync(path, '{"schema_version": "2.0", "assignments": []}');
  const refused = open().replaceUnreadable(async (document) => ({ document: { ...document }, result: undefined }));
  await expect(refused).rejects.toMatchObject({ code: "REGISTRY_SCHEMA", schemaVersion: "2.0" });
});
