import type { IrisTestOptions } from "iris-ports/vitest";
import { test } from "iris-ports/vitest";
import { irisSetup } from "iris-ports/vitest/setup";

export const irisOptions: IrisTestOptions = { namespacePer: "test" };
export const setup = irisSetup((container) => container.withWebPort());

test("the fixture is typed", async ({ iris }) => {
  const namespace: string = iris.getNamespace();
  await iris.runSql("SELECT ? AS name", [namespace]);
});
