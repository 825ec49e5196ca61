import fs from "node:fs";
import { expect, test } from "vitest";
import { ContainerEngineError } from "../../src/errors/errors.ts";

test("an error's message is what failed, the state and the remedy", () => {
  const remedy = "look into the directory: ls /srv/.";
  const error = new ContainerEngineError({ what: "The engine is down.", state: "Nothing was started.", remedy });
  expect(error.remedy).toBe(remedy);
  expect(error.message).toBe(`The engine is down.\nNothing was started.\nTo fix: ${remedy}`);
});

test.each(fs.globSync("{src,action}/**/*.ts"))(
  "no remedy ends with a full stop, which would be copied with its command: %s",
  (file) => {
    const lines = fs.readFileSync(file, "utf8").split("\n");
    expect(
      lines.filter((line) => /(remedy|advice)\w*\s*[:=].*[^.\s]\.["`][,;]?$|To fix: .*[^.\s]\.["`][,;]?$/i.test(line)),
    ).toEqual([]);
  },
);
