import { describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors/errors.ts";
import { memoryCapCpf } from "../../src/iris/cpf-merge.ts";

describe("the merge file that caps memory", () => {
  test("sets the global buffers of 8 kB blocks", () => {
    expect(memoryCapCpf(256)).toBe("[config]\nglobals=0,0,256,0,0,0\n");
  });

  test.each([0, -1, 15, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses a size of %d", (size) => {
    expect(() => memoryCapCpf(size)).toThrow(InvalidArgumentError);
  });
});
