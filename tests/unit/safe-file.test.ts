import fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RegistryAccessError } from "../../src/errors/errors.ts";
import { accessError, publishedError } from "../../src/stores/access-errors.ts";
import { makePrivateDirectory } from "../../src/stores/directories.ts";
import { changeOwner, createFile, groupFor } from "../../src/stores/safe-file.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

const { linkSync, mkdirSync } = fs;
let directory: string;
let path: string;

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory, "file");
});

afterEach(() => {
  vi.restoreAllMocks();
});

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the system says`), { code, path });
}

describe("a file that is created in one step", () => {
  const create = () => createFile(path, Buffer.from("ours"));

  test("has its content, and leaves an existing file alone", () => {
    create();
    createFile(path, Buffer.from("later"));
    expect(fs.readFileSync(path, "utf8")).toBe("ours");
    expect(fs.readdirSync(directory)).toEqual(["file"]);
  });

  test("yields to one that another process created at the same time", () => {
    vi.spyOn(fs, "linkSync").mockImplementation((from, to) => {
      fs.writeFileSync(to, "theirs");
      linkSync(from, to);
    });
    create();
    expect(fs.readFileSync(path, "utf8")).toBe("theirs");
    expect(fs.readdirSync(directory)).toEqual(["file"]);
  });

  test.each([
    ["is renamed into place", "ours", () => {}],
    ["yields to another process's file", "theirs", () => fs.writeFileSync(path, "theirs")],
  ])("on a file system without links %s", (_, content, meanwhile) => {
    vi.spyOn(fs, "linkSync").mockImplementation(() => {
      meanwhile();
      throw systemError("ENOTSUP");
    });
    create();
    expect(fs.readFileSync(path, "utf8")).toBe(content);
    expect(fs.readdirSync(directory)).toEqual(["file"]);
  });

  test("that the system refuses is an error, and nothing is left", () => {
    vi.spyOn(fs, "linkSync").mockImplementation(() => {
      throw systemError("EIO");
    });
    expect(create).toThrow("EIO");
    expect(fs.readdirSync(directory)).toEqual([]);
  });
});

describe("the owner and group of a new file", () => {
  const made = { uid: 1_000, gid: 1_000 } as fs.Stats;

  test.each([
    ["root sets both", 0, { uid: 7, gid: 8 }, [7, 8]],
    ["root changes nothing without an owner and a group", 0, {}, undefined],
    ["another user sets only the group", 1_000, { uid: 7, gid: 8 }, [1_000, 8]],
    ["another user changes nothing without a group", 1_000, { uid: 7 }, undefined],
  ])("%s", (_, user, owner, given) => {
    vi.spyOn(process, "getuid").mockReturnValue(user);
    const chown = vi.spyOn(fs, "fchownSync").mockReturnValue();
    changeOwner(5, made, owner);
    expect(chown.mock.calls).toEqual(given === undefined ? [] : [[5, ...given]]);
  });

  test("the group is the directory's if a group may write there, and always for root", () => {
    const own = { mode: 0o40755, gid: 8 } as fs.Stats;
    const shared = { mode: 0o40775, gid: 8 } as fs.Stats;
    vi.spyOn(process, "getuid").mockReturnValue(1_000);
    expect([groupFor(own), groupFor(shared)]).toEqual([undefined, 8]);
    vi.spyOn(process, "getuid").mockReturnValue(0);
    expect(groupFor(own)).toBe(8);
  });
});

describe("a private directory", () => {
  test("is made with those above it", () => {
    makePrivateDirectory(join(directory, "a", "b"));
    expect(["a", "a/b"].map((name) => fs.statSync(join(directory, name)).mode & 0o777)).toEqual([0o700, 0o700]);
  });

  test("that another process has just made is used", () => {
    vi.spyOn(fs, "mkdirSync").mockImplementation(((at: string) => {
      mkdirSync(at);
      mkdirSync(at);
    }) as typeof fs.mkdirSync);
    makePrivateDirectory(join(directory, "a", "b"));
    expect(fs.statSync(join(directory, "a", "b")).isDirectory()).toBe(true);
  });

  test("is not made in place of a dangling link", () => {
    fs.symlinkSync(join(directory, "nowhere"), path);
    expect(() => makePrivateDirectory(path)).toThrow("EEXIST");
    expect(fs.existsSync(join(directory, "nowhere"))).toBe(false);
  });
});

test("a failure after the publication names the system's code, and says that the change holds", () => {
  const failure = systemError("EIO");
  for (const cause of [failure, accessError(path, path, failure)]) {
    const error = publishedError(path, "the change could not be flushed", cause);
    expect(error).toBeInstanceOf(RegistryAccessError);
    expect(error.what).toBe(`The port registry ${path} was changed, but the change could not be flushed (EIO).`);
    expect(error.state).toContain("The change holds");
  }
  expect(publishedError(path, "it failed", new Error("no code")).what).toContain("(error)");
});

test.each([
  ["EROFS", "The file system is read-only"],
  ["EISDIR", "It is a directory, not a file"],
  ["ELOOP", "It is a symbolic link"],
  ["EXYZ", "The system says: EXYZ"],
])("%s is explained", (code, state) => {
  const error = accessError(join(directory, "registry.json"), path, systemError(code));
  expect(error.what).toContain(`(${code} at ${path})`);
  expect(error.state).toContain(state);
});
