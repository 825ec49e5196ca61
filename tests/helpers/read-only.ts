import { chmodSync } from "node:fs";
import { expect, onTestFinished } from "vitest";
import { runCommand } from "../../scripts/run-command.ts";

/** Root may write anywhere except on a read-only file system. */
export async function makeReadOnly(directory: string): Promise<void> {
  if (process.getuid?.() !== 0) {
    chmodSync(directory, 0o555);
    onTestFinished(() => chmodSync(directory, 0o755));
    return;
  }
  const mounted = await runCommand("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", directory]);
  expect(mounted.stderr).toBe("");
  onTestFinished(async () => void (await runCommand("umount", ["--lazy", directory])));
}
