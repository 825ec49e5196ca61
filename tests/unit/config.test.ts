import { mkdirSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { InvalidArgumentError } from "../../src/errors/errors.ts";
import { hasControlCharacter, shown } from "../../src/settings/checks.ts";
import { resolvePortRange, resolveRegistryPath } from "../../src/settings/config.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

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
    vi.stubEnv("IRIS_PORT_REGISTRY", "/x/registry.json");
    expect(resolveRegistryPath()).toBe("/x/registry.json");
    expect(resolveRegistryPath("/a/../b/registry.json")).toBe("/b/registry.json");
  });

  test.skipIf(process.platform === "win32")("is the same through any links to its directory", () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "real"));
    symlinkSync(join(directory, "real"), join(directory, "link"));
    const file = join(directory, "real", "new", "registry.json");
    expect(resolveRegistryPath(join(directory, "link", "new", "registry.json"))).toBe(file);
    // The document itself is never followed.
    symlinkSync("/etc/hostname", join(directory, "real", "registry.json"));
    const planted = join(directory, "real", "registry.json");
    expect(resolveRegistryPath(join(directory, "link", "registry.json"))).toBe(planted);
  });

  test.skipIf(process.platform === "win32")("needs a home directory only if it is inside", () => {
    vi.stubEnv("IRIS_PORT_REGISTRY", "");
    for (const home of ["", "relative"]) {
      vi.stubEnv("HOME", home);
      expect(() => resolveRegistryPath()).toThrow(/home directory.*HOME.*To fix: .*IRIS_PORT_REGISTRY/s);
      expect(resolveRegistryPath("/b/registry.json")).toBe("/b/registry.json");
    }
  });
});

describe("a registry that is named by a URL that cannot be used is refused without showing its password", () => {
  test.each([
    ["unix://:s3cret@/run/redis.sock", "begins with none of redis://"],
    ["redis-socket://s3cret@/run/redis.sock", "begins with none of redis://"],
    ["valkey://ann:s3cret@ci", "begins with none of redis://"],
    ['"redis://ann:s3cret@ci"', "begins with none of redis://"],
    [" redis://ann:s3cret@ci", "begins with none of redis://"],
    ["redis://ann:s3cret@ci\n", "contains a character that no URL may contain"],
    ["redis://ann:s3cret\ufffd@ci", "contains a character that no URL may contain"],
  ])("%j", (value, problem) => {
    const refused = refusal(() => resolveRegistryPath(value));
    expect(refused).toMatchObject({ argument: "registryPath", value: "(not shown)" });
    expect(refused.message).toContain(problem);
    expect(refused.remedy).toContain("redis+unix://[user:password@]/path/to.sock");
    expect(JSON.stringify(refused) + refused.message).not.toContain("s3cret");
  });
});

describe.skipIf(process.platform === "win32")("a registry path is refused that is not absolute", () => {
  const values = [
    "reg.json",
    "./reg.json",
    "~",
    "~other/reg.json",
    '"/quoted',
    "%HOME%/reg.json",
    "C:\\reg.json",
    "C:/reg.json",
  ];
  test.each(values)("%s", (value) => {
    vi.stubEnv("IRIS_PORT_REGISTRY", value);
    for (const [resolve, argument] of [
      [() => resolveRegistryPath(), "IRIS_PORT_REGISTRY"],
      [() => resolveRegistryPath(value), "registryPath"],
      [() => resolveRegistryPath(value, "--registry"), "--registry"],
    ] as const)
      expect(refusal(resolve)).toMatchObject({
        argument,
        value,
        what: expect.stringContaining(`${argument} is not an absolute path`),
      });
  });

  test.each([
    "~/x.json",
    "$HOME/x.json",
    ["$", "{HOME}/x.json"].join(""),
    "'~/x.json'",
    '"$HOME/x.json"',
    `"${homedir()}/x.json"`,
  ])("%s, with the path that was meant", (value) => {
    expect(refusal(() => resolveRegistryPath(value)).remedy).toContain(join(homedir(), "x.json"));
  });
});

test("a registry path is refused that the Python tool would take for its own lock", () => {
  expect(refusal(() => resolveRegistryPath("/x/registry.lock")).remedy).toContain("/x/registry.json");
});

test.each(["/caf\uFFFD/registry.json", "/\ud800/registry.json"])(
  "a registry path is refused that is not UTF-8: %j",
  (path) => {
    expect(refusal(() => resolveRegistryPath(path)).what).toContain("not valid UTF-8");
  },
);

function refusal(work: () => unknown): InvalidArgumentError {
  try {
    work();
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

test("control characters are C0, DEL and C1, and nothing else", () => {
  expect(["\u0000", "\n", "\u001b", "\u007f", "\u009f"].every(hasControlCharacter)).toBe(true);
  expect(["/a b", "/é", "/日本", "\u00a0", ""].some(hasControlCharacter)).toBe(false);
});

test("a short value of any kind is shown completely", () => {
  expect([shown("a\n"), shown(5n), shown(undefined), shown({ a: [1] })]).toEqual([
    '"a\\n"',
    "5n",
    "undefined",
    "{ a: [ 1 ] }",
  ]);
  expect(shown("x".repeat(1_000))).toHaveLength(203);
});
