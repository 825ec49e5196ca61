import { homedir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { hasControlCharacter, resolvePortRange, resolveRegistryPath, shown } from "../../src/ports/config.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("the range of ports", () => {
  test("is the argument, else the environment's, else 1972-1981", () => {
    vi.stubEnv("IRIS_PORT_RANGE", "");
    expect(resolvePortRange()).toEqual([1972, 1981]);
    vi.stubEnv("IRIS_PORT_RANGE", " 2000 - 2001 ");
    expect(resolvePortRange()).toEqual([2000, 2001]);
    expect(resolvePortRange([1, 65_535])).toEqual([1, 65_535]);
    expect(resolvePortRange("5")).toEqual([5, 5]);
  });
});

describe("the registry's path", () => {
  test("is the argument, else the environment's, else the Python tool's", () => {
    vi.stubEnv("IRIS_PORT_REGISTRY", "");
    expect(resolveRegistryPath()).toBe(join(homedir(), ".iris-devtester", "port-registry.json"));
    vi.stubEnv("IRIS_PORT_REGISTRY", "~/x/registry.json");
    expect(resolveRegistryPath()).toBe(join(homedir(), "x", "registry.json"));
    expect(resolveRegistryPath("/a/../b/registry.json")).toBe("/b/registry.json");
    expect(resolveRegistryPath("registry.json")).toBe(join(process.cwd(), "registry.json"));
  });
});

test("control characters are C0, DEL and C1, and nothing else", () => {
  expect(["\u0000", "\n", "\u001b", "\u007f", "\u009f"].every(hasControlCharacter)).toBe(true);
  expect(["/a b", "/é", "/日本", "\u00a0", ""].some(hasControlCharacter)).toBe(false);
});

test("a value is shown whole where it is short, whatever it is", () => {
  expect([shown("a\n"), shown(5n), shown(undefined), shown({ a: [1] })]).toEqual([
    '"a\\n"',
    "5n",
    "undefined",
    "{ a: [ 1 ] }",
  ]);
  expect(shown("x".repeat(1_000))).toHaveLength(203);
});
