import { describe, expect, test } from "vitest";
import { InvalidArgumentError, IrisNamespace, IrisRegistryContainer, RegistryContainer } from "../../src/index.ts";
import { identifyProject } from "../../src/registry/project.ts";

/** What JavaScript callers can pass. */
const any = (value: unknown) => value as never;
const NO_TEXTS = [null, 5, true, {}, [], Symbol("text"), () => "text"];

describe("an argument that is not a text is refused by", () => {
  test.each([
    "withProject",
    "withInstance",
    "withPassword",
    "withUsername",
    "withNamespace",
    "withBindAddress",
    "withLicenseKey",
    "withCpfMerge",
    "withInitScripts",
    "withDurableData",
  ] as const)("%s()", (method) => {
    for (const value of NO_TEXTS)
      expect(() => new IrisRegistryContainer()[method](any(value)), String(value)).toThrow(InvalidArgumentError);
  });

  test("the constructor, which needs an image", () => {
    for (const value of [undefined, "", ...NO_TEXTS])
      expect(() => new RegistryContainer(any(value)), String(value)).toThrow(InvalidArgumentError);
  });

  test("withRegistry(), which also takes a registry", () => {
    for (const value of ["", 5, true, null, {}])
      expect(() => new RegistryContainer("image").withRegistry(any(value))).toThrow(InvalidArgumentError);
  });

  test.each(["runSql", "runSqlFile", "runObjectScript", "importClasses", "createNamespace"] as const)(
    "%s()",
    async (method) => {
      for (const value of [undefined, null, 5, {}, Symbol("text"), [5]])
        await expect(namespace()[method](any(value)), String(value)).rejects.toThrow(InvalidArgumentError);
    },
  );
});

test("an empty path is not the working directory", () => {
  expect(() => new IrisRegistryContainer().withInitScripts("")).toThrow(InvalidArgumentError);
});

test("the parameters of a statement are an array, and not its options", async () => {
  for (const params of [null, "a", { namespace: "SHOP" }])
    await expect(namespace().runSql("SELECT ?", any(params)), String(params)).rejects.toThrow(/not an array/);
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e12, "10s", null])("%s is no start time-out", (timeoutMs) => {
  expect(() => new RegistryContainer("image").withStartupTimeout(any(timeoutMs))).toThrow(InvalidArgumentError);
});

test.each([{}, [], { projectPath: "/shop" }])("%j is no project, and does not stand for the default", (project) => {
  expect(() => identifyProject(any(project))).toThrow(InvalidArgumentError);
});

function namespace(): IrisNamespace {
  const host = { exec: () => Promise.reject(new Error("nothing is to be run")) };
  const connection = { host: "127.0.0.1", port: 1972, namespace: "USER", username: "_SYSTEM", password: "SYS" };
  return new IrisNamespace(host, connection, "container");
}
