import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { identifyDirectory, observeDirectory } from "../../src/registry/host/directory-identity.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

async function identified() {
  const path = temporaryDirectory();
  const identity = await identifyDirectory(path);
  if (identity === undefined) throw new Error(`${path} has no identity`);
  return identity;
}

test("a directory is alive until it is deleted", async () => {
  const identity = await identified();
  expect(await observeDirectory(identity)).toBe("alive");
  rmSync(identity.path, { recursive: true });
  expect(await observeDirectory(identity)).toBe("gone");
});

test("a directory that is missing has no identity", async () => {
  expect(await identifyDirectory(join(temporaryDirectory(), "missing"))).toBeUndefined();
});

test("a directory on another file system may only be unmounted, and one of another machine cannot be seen", async () => {
  const identity = await identified();
  rmSync(identity.path, { recursive: true });
  expect(await observeDirectory({ ...identity, device: identity.device + 1 })).toBe("unknown");
  expect(await observeDirectory({ ...identity, host: "another" })).toBe("unknown");
});

// Windows calls what is below a file missing.
test.skipIf(process.platform === "win32")(
  "a directory is not called gone where its path cannot be followed",
  async () => {
    const identity = await identified();
    const file = join(identity.path, "file");
    writeFileSync(file, "");
    expect(await observeDirectory({ ...identity, path: join(file, "below") })).toBe("unknown");
  },
);
