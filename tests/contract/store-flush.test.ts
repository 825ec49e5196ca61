import fs from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { jobHolder, manualHolder, processHolder } from "../../src/registry/holder.ts";
import { TestRegistry } from "../helpers/registry.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** Counts the flushes of files and of directories. */
function countFlushes() {
  const counts = { files: 0, directories: 0 };
  const { fsyncSync } = fs;
  vi.spyOn(fs, "fsyncSync").mockImplementation((fd) => {
    counts[fs.fstatSync(fd).isDirectory() ? "directories" : "files"]++;
    fsyncSync(fd);
  });
  return counts;
}

test.runIf(process.platform !== "win32")(
  "a commit for a process flushes the document, one for a manual or expiring holder its directory too",
  async () => {
    const machine = await TestRegistry.create(3);
    const registry = machine.open({ isDurable: true });
    await registry.assignPort(machine.project("process"));
    const expiring = jobHolder({ id: "job", expiresAt: new Date(Date.now() + 3_600_000) });
    const cases = [
      { holder: await processHolder({ id: "another" }), flushes: { files: 1, directories: 0 } },
      { holder: manualHolder(), flushes: { files: 1, directories: 1 } },
      { holder: expiring, flushes: { files: 1, directories: 1 } },
    ];
    for (const { holder, flushes } of cases) {
      for (const change of ["assignPort", "releasePort"] as const) {
        const counts = countFlushes();
        await registry[change](machine.project("a"), { holder });
        expect(counts).toEqual(flushes);
        vi.restoreAllMocks();
      }
    }
  },
);
