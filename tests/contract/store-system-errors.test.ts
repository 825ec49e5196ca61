import fs from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RegistryDocument } from "../../src/stores/document.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

// Rare errors of the system, at the calls that can report them; a real system cannot be made to report them on demand.

const platform = Object.getOwnPropertyDescriptor(process, "platform") as PropertyDescriptor;
const { fstatSync, lstatSync, openSync, renameSync, rmdirSync } = fs;
let path: string;

beforeEach(() => {
  path = join(temporaryDirectory(), "port-registry.json");
  vi.resetModules();
});

afterEach(() => {
  Object.defineProperty(process, "platform", platform);
  vi.restoreAllMocks();
});

function systemError(code: string, at = path): Error {
  return Object.assign(new Error(`${code}: as the system says`), { code, path: at });
}

async function open(isDurable = false) {
  const { FileStore } = await import("../../src/stores/file-store.ts");
  return new FileStore({ path, lockTimeoutMs: 5_000, isDurable });
}

const count = (document: RegistryDocument) => Number(document.unknown.own.get("count") ?? 0);

async function increase(isDurable = false): Promise<number> {
  const store = await open(isDurable);
  await store.update(async (document) => {
    const own = new Map(document.unknown.own).set("count", count(document) + 1);
    return { document: { ...document, unknown: { ...document.unknown, own } }, result: undefined };
  });
  return count(await store.read());
}

/** Something else than a rename, the first time that one of this kind is tried. */
function insteadOfRenaming(
  kind: "head" | "data" | "port-registry.json.commit.",
  act: (from: string, to: string) => void,
) {
  let isDone = false;
  vi.spyOn(fs, "renameSync").mockImplementation((from, to) => {
    if (isDone || !basename(String(from)).startsWith(kind)) return renameSync(from, to);
    isDone = true;
    act(String(from), String(to));
  });
}

describe("a claimed version", () => {
  test("that another process published first counts as published", async () => {
    await increase();
    insteadOfRenaming("data", (from, to) => {
      renameSync(from, to);
      renameSync(from, to);
    });
    expect(await increase()).toBe(2);
    expect(JSON.parse(fs.readFileSync(path, "utf8")).iris_ports.revision).toBe(2);
  });

  test("that was deleted before it was published is made anew", async () => {
    await increase();
    insteadOfRenaming("data", (from, to) => {
      fs.rmSync(from);
      renameSync(from, to);
    });
    expect(await increase()).toBe(2);
  });

  test("that the system cannot publish is an error, and the next commit publishes it", async () => {
    await increase();
    insteadOfRenaming("data", (from) => {
      throw systemError("EIO", from);
    });
    await expect(increase()).rejects.toMatchObject({
      code: "REGISTRY_ACCESS",
      message: expect.stringContaining("EIO"),
    });
    expect(await increase()).toBe(3);
  });
});

describe("the first head", () => {
  test("that another process made at the same time is used, even if Windows reports EPERM", async () => {
    insteadOfRenaming("port-registry.json.commit.", (from, to) => {
      renameSync(from, to);
      throw systemError("EPERM", to);
    });
    expect(await increase()).toBe(1);
  });

  test.each(["EPERM", "EIO"])("that cannot be made because of %s is an error", async (code) => {
    insteadOfRenaming("port-registry.json.commit.", (_, to) => {
      throw systemError(code, to);
    });
    await expect(increase()).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
    expect(fs.readdirSync(join(path, ".."))).not.toContain("port-registry.json.commit");
  });
});

describe("on Windows", () => {
  beforeEach(() => Object.defineProperty(process, "platform", { ...platform, value: "win32" }));

  test("a file that a scanner has open for a moment is renamed a moment later", async () => {
    let busy = 3;
    vi.spyOn(fs, "renameSync").mockImplementation((from, to) => {
      if (busy-- > 0) throw systemError("EBUSY", String(from));
      renameSync(from, to);
    });
    expect(await increase(true)).toBe(1);
  });

  test("a file that stays busy is an error, in bounded time", async () => {
    await increase();
    vi.spyOn(fs, "renameSync").mockImplementation((from) => {
      throw systemError("EACCES", String(from));
    });
    await expect(increase()).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
  });
});

describe("the group of a new version", () => {
  test.each(["EPERM", "EINVAL"])("stays its writer's where the system says %s", async (code) => {
    await increase();
    vi.spyOn(fs, "fstatSync").mockImplementation(withOtherGroup());
    vi.spyOn(fs, "fchownSync").mockImplementation(() => {
      throw systemError(code);
    });
    expect(await increase()).toBe(2);
  });

  test("that fails otherwise is an error", async () => {
    await increase();
    vi.spyOn(fs, "fstatSync").mockImplementation(withOtherGroup());
    vi.spyOn(fs, "fchownSync").mockImplementation(() => {
      throw systemError("EIO");
    });
    await expect(increase()).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
  });
});

/** Every file that is looked at belongs to another group than the one before. */
function withOtherGroup(): typeof fs.fstatSync {
  let gid = 5_000;
  return ((fd: number) => Object.assign(fstatSync(fd), { gid: gid++ })) as typeof fs.fstatSync;
}

test("an error without a system code is not explained", async () => {
  await increase();
  for (const read of ["readFileSync", "readSync"] as const)
    vi.spyOn(fs, read).mockImplementation(() => {
      throw new TypeError("a mistake of ours");
    });
  await expect(increase()).rejects.toThrow(TypeError);
});

test("a commit directory that cannot be listed is an error", async () => {
  await increase();
  fs.writeFileSync(path, '{"schema_version": "1.0", "assignments": []}');
  vi.spyOn(fs, "readdirSync").mockImplementation(() => {
    throw systemError("EACCES", `${path}.commit`);
  });
  await expect(increase()).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
});

describe("a directory that is flushed", () => {
  const failToFlush = (code: string) => {
    const { fsyncSync } = fs;
    vi.spyOn(fs, "fsyncSync").mockImplementation((fd) => {
      if (fs.fstatSync(fd).isDirectory()) throw systemError(code);
      fsyncSync(fd);
    });
  };

  test.each(["EINVAL", "ENOTSUP", "EOPNOTSUPP"])("where the file system cannot do so (%s) is none", async (code) => {
    failToFlush(code);
    expect(await increase(true)).toBe(1);
    expect(await increase(true)).toBe(2);
  });

  test("and cannot be opened is published all the same", async () => {
    vi.spyOn(fs, "openSync").mockImplementation((at, flags, mode) => {
      if (at === join(path, "..") && flags === "r") throw systemError("EACCES", String(at));
      return openSync(at, flags, mode);
    });
    expect(await increase(true)).toBe(1);
  });

  test("by a disk that fails is an error", async () => {
    failToFlush("EIO");
    await expect(increase(true)).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
  });
});

describe("the lock", () => {
  const lockPath = () => `${path}.lock`;

  /** A lock that is not refreshed, although its time is in the future. */
  async function leaveLock(): Promise<void> {
    await increase();
    fs.mkdirSync(lockPath());
    const tomorrow = Date.now() / 1_000 + 86_400;
    fs.utimesSync(lockPath(), tomorrow, tomorrow);
  }

  test("that cannot be taken over is an error", async () => {
    await leaveLock();
    vi.spyOn(fs, "rmdirSync").mockImplementation((at) => {
      if (String(at) === lockPath()) throw systemError("EIO", lockPath());
      rmdirSync(at);
    });
    await expect(increase()).rejects.toMatchObject({
      code: "REGISTRY_ACCESS",
      message: expect.stringContaining("EIO"),
    });
  });

  test("that its owner released just before the takeover is taken", async () => {
    await leaveLock();
    vi.spyOn(fs, "rmdirSync").mockImplementation((at) => {
      rmdirSync(at);
      if (String(at) === lockPath()) throw systemError("ENOENT", lockPath());
    });
    expect(await increase()).toBe(2);
  });

  test("that cannot be inspected is an error", async () => {
    await leaveLock();
    vi.spyOn(fs, "lstatSync").mockImplementation(((at: string, options: object) => {
      if (at === lockPath()) throw systemError("EACCES", lockPath());
      return lstatSync(at, options);
    }) as typeof fs.lstatSync);
    await expect(increase()).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
  });

  test("whose owner note belongs to another user gets a new note", async () => {
    await increase();
    let isRefused = false;
    vi.spyOn(fs, "openSync").mockImplementation((at, flags, mode) => {
      if (!isRefused && basename(String(at)) === "lock-owner") {
        isRefused = true;
        throw systemError("EACCES", String(at));
      }
      return openSync(at, flags, mode);
    });
    await increase();
    expect(isRefused).toBe(true);
    expect(fs.readFileSync(join(`${path}.commit`, "lock-owner"), "utf8")).toContain(`process ${process.pid} `);
  });

  test("whose owner's note cannot be read has an unknown owner", async () => {
    await increase();
    fs.rmSync(join(`${path}.commit`, "lock-owner"), { force: true });
    fs.mkdirSync(join(`${path}.commit`, "lock-owner"));
    fs.mkdirSync(lockPath());
    const { FileStore } = await import("../../src/stores/file-store.ts");
    const store = new FileStore({ path, lockTimeoutMs: 50, isDurable: false });
    const refused = store.update(async () => ({ result: undefined }));
    await expect(refused).rejects.toMatchObject({ code: "PORT_ASSIGNMENT_TIMEOUT", lockOwner: undefined });
    await expect(refused).rejects.toThrow("an unknown process");
  });
});

test("an unreadable document is not replaced if its bytes cannot be kept", async () => {
  fs.writeFileSync(path, "{");
  vi.spyOn(fs, "renameSync").mockImplementation((from, to) => {
    if (String(to).includes(".corrupt-")) throw systemError("ENOSPC", String(to));
    renameSync(from, to);
  });
  const store = await open();
  const refused = store.replaceUnreadable(async (document) => ({ document: { ...document }, result: undefined }));
  await expect(refused).rejects.toMatchObject({ code: "REGISTRY_CORRUPT", backupPath: undefined });
  expect(fs.readFileSync(path, "utf8")).toBe("{");
});

test("a cause that is no error is said as it is", async () => {
  const { accessError } = await import("../../src/stores/access-errors.ts");
  const { osCode } = await import("../../src/errors/os-code.ts");
  expect(accessError(path, path, "half a sentence").message).toContain("The system says: half a sentence");
  expect([osCode(null), osCode("EIO"), osCode({ code: 5 }), osCode({ code: "EIO" })]).toEqual(["", "", "", "EIO"]);
});

test("a survey of the files finds nothing in an unreadable directory", async () => {
  await increase();
  fs.rmSync(join(`${path}.commit`, "lock-owner"), { force: true });
  fs.mkdirSync(join(`${path}.commit`, "lock-owner"));
  fs.mkdirSync(`${path}.lock`);
  const { inspectFiles } = await import("../../src/stores/registry-files.ts");
  expect((await inspectFiles(path)).lock).not.toHaveProperty("owner", expect.any(String));
  const { namesIn } = await import("../../src/stores/file-state.ts");
  expect(namesIn({ path: join(path, "nowhere"), kind: "directory" } as Parameters<typeof namesIn>[0])).toEqual([]);
});

test("a file in place of the commit directory is an error that names it", async () => {
  fs.writeFileSync(`${path}.commit`, "");
  await expect(increase()).rejects.toMatchObject({
    code: "REGISTRY_ACCESS",
    message: expect.stringMatching(/ENOTDIR at .*\.commit/),
  });
});

test("a mode that may not be changed stays as the file's creator set it, and any other failure is an error", async () => {
  const { changeMode } = await import("../../src/stores/safe-file.ts");
  vi.spyOn(fs, "chmodSync").mockImplementation(() => {
    throw systemError("EPERM");
  });
  expect(changeMode(path, 0o600)).toBeUndefined();
  vi.spyOn(fs, "chmodSync").mockImplementation(() => {
    throw systemError("EIO");
  });
  expect(() => changeMode(path, 0o600)).toThrow("EIO");
});

test("a survey of the files does not take a programming error for an unreadable file", async () => {
  const { namesIn } = await import("../../src/stores/file-state.ts");
  vi.spyOn(fs, "readdirSync").mockImplementation(() => {
    throw new TypeError("a mistake of ours");
  });
  expect(() => namesIn({ path, kind: "directory" } as Parameters<typeof namesIn>[0])).toThrow(TypeError);
});

test("a head that comes while a headless commit directory is emptied is not touched", async () => {
  await increase();
  const chain = `${path}.commit`;
  const [head] = fs.readdirSync(chain).filter((name) => name.startsWith("head.")) as [string];
  fs.rmSync(join(chain, head));
  // Another process puts its head there just before this one lists the directory.
  const { writeFileSync } = fs;
  vi.spyOn(fs, "writeFileSync").mockImplementation((at, text, options) => {
    writeFileSync(at, text, options);
    if (basename(String(at)).startsWith("head.")) writeFileSync(join(chain, head), "");
  });
  expect(await increase()).toBe(2);
  expect(JSON.parse(fs.readFileSync(path, "utf8")).iris_ports.revision).toBe(2);
});
