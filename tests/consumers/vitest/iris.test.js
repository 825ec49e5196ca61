import { createRequire } from "node:module";
import * as library from "iris-ports";
import * as ports from "iris-ports/ports";
import { expect, test } from "vitest";
import check from "./check.cjs";

test("IRIS answers", { timeout: 300_000 }, async () => {
  await check(library, ports);
  expect(createRequire(import.meta.url)("iris-ports").IrisPortsError).toBe(library.IrisPortsError);
});
