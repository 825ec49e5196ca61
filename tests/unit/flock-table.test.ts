import fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isFlocked } from "../../src/stores/flock-table.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

const FIRST_NAMESPACE = "pid:[4026531836]";
const EXT4 = 0xef53;
const platform = Object.getOwnPropertyDescriptor(process, "platform") as PropertyDescriptor;
let path: string;

beforeEach(() => {
  path = join(temporaryDirectory(), "port-registry.lock");
  fs.writeFileSync(path, "");
});

afterEach(() => {
  Object.defineProperty(process, "platform", platform);
  vi.restoreAllMocks();
});

/** A machine that says this of its locks, of its namespace and of the lock file's file system. */
function machine({ table = "", namespace = FIRST_NAMESPACE, fileSystem = EXT4, name = "linux" } = {}): void {
  Object.defineProperty(process, "platform", { ...platform, value: name });
  const { readFileSync } = fs;
  vi.spyOn(fs, "readFileSync").mockImplementation(((at: string, options: object) =>
    at === "/proc/locks" ? table : readFileSync(at, options)) as typeof fs.readFileSync);
  vi.spyOn(fs, "readlinkSync").mockReturnValue(namespace);
  vi.spyOn(fs, "statfsSync").mockReturnValue({ type: fileSystem } as fs.StatsFs);
}

/** What the table says of a file of this device, which may differ from the real one's. */
function ask(dev = 0xfd01): boolean | undefined {
  return isFlocked(path, Object.assign(fs.statSync(path), { dev, ino: 4_711 }));
}

const lineOf = (file: string, kind = "FLOCK ") => `1: ${kind} ADVISORY  WRITE 77 ${file} 0 EOF\n`;

describe("the kernel's table of locks", () => {
  test.each([
    ["is locked", lineOf("fd:01:4711"), 0xfd01, true],
    ["is awaited", lineOf("fd:01:4711").replace("1: ", "1: -> "), 0xfd01, true],
    ["is not in it", lineOf("fd:01:4712") + lineOf("fd:02:4711"), 0xfd01, false],
    ["has a lock of another kind", lineOf("fd:01:4711", "POSIX "), 0xfd01, false],
    ["is on a device with a large number", lineOf("103:12345:4711"), (0x12300 << 12) | (0x103 << 8) | 0x45, true],
  ])("tells that a file %s", (_, table, dev, isLocked) => {
    machine({ table });
    expect(ask(dev)).toBe(isLocked);
  });

  test.each([
    ["on another system", { name: "darwin" }],
    ["in a container's pid namespace, where the kernel hides locks", { namespace: "pid:[4026532189]" }],
    ["on a network file system, whose locks are known elsewhere", { fileSystem: 0x6969 }],
    ["in a table of more than a page, which may be incomplete", { table: lineOf("fd:01:4711").repeat(100) }],
  ])("proves nothing %s", (_, told) => {
    machine(told);
    expect(ask()).toBeUndefined();
  });

  test("that cannot be read proves nothing", () => {
    machine();
    vi.spyOn(fs, "statfsSync").mockImplementation(() => {
      throw Object.assign(new Error("ENOSYS"), { code: "ENOSYS" });
    });
    expect(ask()).toBeUndefined();
  });
});
