import { expect, test } from "vitest";
import { readDurationMs } from "../../action/inputs/input-values.ts";

test.each([
  ["0", 0],
  ["90", 90_000],
  ["1.5s", 1_500],
  ["5m", 300_000],
  ["120h", 432_000_000],
  // Not whole milliseconds, as floating point has it.
  ["4.1m", 246_000],
  ["1.15h", 4_140_000],
  ["1.001", 1_001],
])("a duration of %s is %i whole milliseconds", (text, expected) => {
  expect(readDurationMs("start-timeout", text)).toBe(expected);
});
