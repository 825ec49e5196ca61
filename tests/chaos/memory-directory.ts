import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const SHARED_MEMORY = "/dev/shm";

/** A directory of the test's own in memory, where the system has one: what flushes to the disk again and again is quick. */
export function memoryDirectory(): string {
  const parent = fs.existsSync(SHARED_MEMORY) ? SHARED_MEMORY : fs.realpathSync(tmpdir());
  const path = fs.mkdtempSync(join(parent, "iris-ports-test-"));
  onTestFinished(() => fs.rmSync(path, { recursive: true, force: true }));
  return path;
}
