import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { runCommand } from "../../scripts/run-command.ts";
import { docker } from "../helpers/engine.ts";

const script = fileURLToPath(new URL("../../scripts/ensure-engine.ts", import.meta.url));
const ensureEngine = (env: Record<string, string> = {}) => runCommand(process.execPath, [script], { env });

describe("the script that makes sure that an engine runs", () => {
  test("uses a running engine as it is, and prints nothing", async () => {
    const before = await docker("info", "--format", "{{.ID}}");
    expect(await ensureEngine()).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(await docker("info", "--format", "{{.ID}}")).toBe(before);
  });

  test("never starts another engine than the configured one", async () => {
    const { exitCode, stderr } = await ensureEngine({ DOCKER_HOST: "unix:///nowhere/docker.sock" });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^The container engine of DOCKER_HOST=unix:\/\/\/nowhere\/docker.sock does not answer\.\n/);
    expect(stderr).toMatch(/\nTo fix: start it, or unset DOCKER_HOST\n$/);
  });

  test("never starts another engine than that of the configured context", async () => {
    const { exitCode, stderr } = await ensureEngine({ DOCKER_CONTEXT: "iris-ports-none" });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^The container engine of the Docker context "iris-ports-none" does not answer\.\n/);
  });
});
