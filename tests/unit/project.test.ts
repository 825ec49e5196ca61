import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { canonicalProject, containerName, identifyProject, projectKey } from "../../src/registry/project.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

describe("a project's path", () => {
  test("has symbolic links resolved, even above missing parts, and no trailing slash", () => {
    const directory = temporaryDirectory();
    fs.mkdirSync(join(directory, "real"));
    fs.symlinkSync(join(directory, "real"), join(directory, "link"));
    expect(canonicalProject(join(directory, "link"))).toBe(join(directory, "real"));
    expect(canonicalProject(`${directory}/link/not/there//`)).toBe(join(directory, "real", "not", "there"));
    expect(canonicalProject("/")).toBe("/");
    expect(canonicalProject("/nowhere/at/all/../x")).toBe("/nowhere/at/x");
  });

  test("that dangles or loops is kept as it is", () => {
    const directory = temporaryDirectory();
    fs.symlinkSync(join(directory, "nothing"), join(directory, "dangling"));
    fs.symlinkSync(join(directory, "circle"), join(directory, "circle"));
    expect(canonicalProject(join(directory, "dangling"))).toBe(join(directory, "dangling"));
    expect(canonicalProject(join(directory, "circle"))).toBe(join(directory, "circle"));
  });

  test("is resolved against the working directory if it is relative", () => {
    expect(canonicalProject("tests")).toBe(join(fs.realpathSync(process.cwd()), "tests"));
    expect(canonicalProject("tests", "/nowhere")).toBe("/nowhere/tests");
  });

  test.each([
    ['"packages/a"', "give the path itself: packages/a"],
    ["'packages/a'", "give the path itself: packages/a"],
    ["~", "give the path itself: /home/dev"],
    ["~/shop", "give the path itself: /home/dev/shop"],
    ['"$HOME/shop"', "give the path itself: /home/dev/shop"],
    ["$GITHUB_WORKSPACE/packages/a", "give the path itself"],
    ["$".concat("{GITHUB_WORKSPACE}"), "give the path itself"],
    ['""', "give the path itself"],
  ])("that contains shell syntax is refused: %s", (project, remedy) => {
    vi.stubEnv("HOME", "/home/dev");
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(() => canonicalProject(project)).toThrow(
      expect.objectContaining({ what: `project contains shell syntax: ${JSON.stringify(project)}.`, remedy }),
    );
  });

  test.each(["./~/shop", "./'a'", "a'b'", "~dev", "$id.tsx", "$", "packages/$x"])(
    "is a name like any other: %s",
    (project) => {
      expect(canonicalProject(project, "/nowhere")).toBe(join("/nowhere", project));
    },
  );
});

test("a project is refused whose record would be taken for a port that is kept from the Python tool", () => {
  expect(() => canonicalProject("/shop#(held by iris-ports)")).toThrow(/the registry uses itself/);
});

test("a project is refused whose name is not valid UTF-8, because it could not be told apart from others", () => {
  for (const path of ["/home/caf\uFFFD", "/home/caf\ud800"])
    expect(() => canonicalProject(path)).toThrow(/not valid UTF-8/);
});

test("a working directory that cannot be a project is refused, naming it", ({ onTestFinished }) => {
  vi.stubEnv("IRIS_PORTS_PROJECT", undefined);
  vi.spyOn(process, "cwd").mockReturnValue("/home/dev/new\nline");
  onTestFinished(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });
  expect(() => canonicalProject()).toThrow(
    /^the working directory has control characters: [\s\S]*rename the directory/,
  );
});

test.runIf(process.platform === "linux")("a link to a directory whose name is not UTF-8 is refused as well", () => {
  const directory = temporaryDirectory();
  const latin1 = Buffer.concat([Buffer.from(`${directory}/caf`), Buffer.of(0xe9)]);
  fs.mkdirSync(latin1);
  fs.symlinkSync(latin1, join(directory, "link"));
  expect(() => canonicalProject(join(directory, "link"))).toThrow(/not valid UTF-8/);
});

describe("an instance", () => {
  test("is part of the key", () => {
    expect(projectKey("/a")).toBe("/a");
    expect(projectKey("/a", "second.1_x-y")).toBe("/a#second.1_x-y");
  });

  test("comes from the environment only together with the project", () => {
    vi.stubEnv("IRIS_PORTS_PROJECT", "/from/environment");
    vi.stubEnv("IRIS_PORTS_INSTANCE", "leg-1");
    expect(identifyProject()).toMatchObject({ projectKey: "/from/environment#leg-1" });
    expect(identifyProject("/own")).toMatchObject({ projectKey: "/own", instance: undefined });
    expect(identifyProject(undefined, "own")).toMatchObject({ projectKey: "/from/environment#own" });
    vi.unstubAllEnvs();
  });
});

test.each([
  { projectPath: "", projectKey: "" },
  { projectPath: "/a", projectKey: "/b" },
  { projectPath: "/a", projectKey: "/a", instance: "x" },
  { projectPath: "/a", projectKey: "/a#5", instance: 5 as unknown as string },
])("a project whose key the document could not keep is refused: %o", (project) => {
  expect(() => identifyProject(project)).toThrow("project is not a path");
});

test("the container's name follows the Python tool's rule", () => {
  // printf %s /home/dev/shop | md5sum
  expect(containerName("/home/dev/shop", 1972)).toBe("iris_11e9fe06_1972");
});
