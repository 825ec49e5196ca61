import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const FIXTURE = join(import.meta.dirname, "..", "fixtures", "commands-without-files.ts");

test.skipIf(process.platform === "win32")("docker and ssh say so if no more files can be opened", async () => {
  const limited = ["-c", 'ulimit -n 64 && exec "$0" "$1"', process.execPath, FIXTURE];
  const { stdout } = await promisify(execFile)("sh", limited);
  expect(JSON.parse(stdout)).toMatchObject([
    { code: "CONTAINER_ENGINE", state: "spawn docker EMFILE", remedy: expect.stringContaining("ulimit -n") },
    { code: "EMFILE", message: "spawn ssh EMFILE" },
  ]);
});
