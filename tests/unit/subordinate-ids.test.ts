import fs from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { subordinateId } from "../../src/containers/options/subordinate-ids.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

const { username, uid } = userInfo();

test.each([
  // What podman 4.3.1 gave IRIS's uid for a user with this line.
  ["of the user's range", [`${username}:100000:65536`], 151_772],
  ["of a range by the user's number", [`${uid}:100000:65536`], 151_772],
  ["of the second range, which continues the first", [`${username}:100000:1000`, `${username}:300000:65536`], 350_772],
  ["of none if the ranges are too small", [`${username}:100000:1000`], undefined],
  ["of none if the ranges are another user's", ["somebody-else:100000:65536"], undefined],
])("an id of a rootless container is one %s", (_, lines, id) => {
  const file = join(temporaryDirectory(), "subuid");
  fs.writeFileSync(file, `${lines.join("\n")}\n`);
  expect(subordinateId(file, 51_773)).toBe(id);
});

test("a system without such a file has no ids for rootless containers", () => {
  expect(subordinateId(join(temporaryDirectory(), "none"), 51_773)).toBeUndefined();
});
