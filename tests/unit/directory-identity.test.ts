import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { identifyDirectory, observeDirectory } from "../../src/registry/host/directory-identity.ts";
import { showProc } from "../helpers/recorded-proc.ts";
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

test("a missing directory on another file system may only be unmounted, and one of another machine cannot be observed", async () => {
  const identity = await identified();
  rmSync(identity.path, { recursive: true });
  expect(await observeDirectory({ ...identity, device: identity.device + 1 })).toBe("unknown");
  expect(await observeDirectory({ ...identity, host: "another" })).toBe("unknown");
});

test.skipIf(process.platform !== "linux")(
  "nor is a directory gone where its file system is mounted twice, and no longer there",
  async () => {
    const parent = temporaryDirectory();
    const path = join(parent, "mounted here", "project");
    mkdirSync(path, { recursive: true });
    const root = "1 0 8:1 / / rw - ext4 /dev/sda1 rw";
    const bind = `2 1 8:1 /elsewhere ${parent}/mounted\\040here rw - ext4 /dev/sda1 rw`;
    showProc({ "/proc/self/mountinfo": `${root}\n${bind}\n` }, { isOverlay: true });
    const identity = (await identifyDirectory(path)) ?? expect.fail(`${path} has no identity`);
    rmSync(path, { recursive: true });
    expect(await observeDirectory(identity)).toBe("gone");
    showProc({ "/proc/self/mountinfo": `${root}\n` }, { isOverlay: true });
    expect(await observeDirectory(identity)).toBe("unknown");
  },
);

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
