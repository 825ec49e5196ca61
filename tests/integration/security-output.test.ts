import fs from "node:fs";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliSandbox } from "../helpers/cli.ts";

/** What a terminal or a GitHub runner would act upon. */
const HOSTILE = [
  "::set-output name=port::1",
  "  ::add-path::/tmp/evil",
  "/p/##[add-path]/tmp/evil",
  "/p/\n::error::forged",
  "/p/\r\n::stop-commands::x",
  "/p/\u001b[2J\u001b]0;owned\u0007",
  "/p/\u009b31m",
  "/p/safe\u202etxt.exe",
  "/p/\u2028::warning::x",
];

/** As a runner and a terminal read it. */
function expectHarmless(output: string): void {
  for (const line of output.split("\n")) {
    expect(line).not.toMatch(/^\s*::/);
    expect(line).not.toContain("##[");
    expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202e]/u);
  }
}

describe("E3: text of other programs in the registry", () => {
  let sandbox: CliSandbox;

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
    const time = "2026-11-23T05:06:07.123456+00:00";
    const port = (index: number) => sandbox.firstPort + index;
    const holder = (text: string) => ({ id: text, kind: "job", since: time, description: text });
    fs.mkdirSync(dirname(sandbox.registryPath), { mode: 0o700 });
    const document = {
      schema_version: "1.0",
      assignments: HOSTILE.map((text, index) => ({
        project_path: text,
        port: port(index),
        assigned_at: time,
        assignment_type: "auto",
        status: "active",
        container_name: text,
      })),
      iris_ports: {
        details: Object.fromEntries(HOSTILE.map((text, index) => [text, { port: port(index), generation: "ab" }])),
        holders: Object.fromEntries(HOSTILE.map((text) => [text, [holder(text)]])),
      },
    };
    fs.writeFileSync(sandbox.registryPath, JSON.stringify(document), { mode: 0o600 });
  });
  afterEach(() => sandbox[Symbol.dispose]());

  it.each([
    ["list"],
    ["list", "--json"],
    ["doctor"],
    ["doctor", "--json"],
    ["inspect", "/p/##[add-path]/tmp/evil"],
    ["assign", "--port", "::add-mask::x"],
    ["assign", "--instance", "\n::add-mask::x"],
    ["release", "/p/##[add-path]"],
    ["\n::add-mask::x"],
    ["list", "--\n::add-mask::x"],
  ])("cannot rewrite a terminal or command a runner through `iris-ports %s %s`", async (...args) => {
    const { stdout, stderr } = await sandbox.run(args, { DOCKER_HOST: "unix:///nowhere/##[add-path]::x" });
    expect(stdout + stderr).not.toBe("");
    expectHarmless(stdout);
    expectHarmless(stderr);
  });

  it("cannot do so through the error that lists the holder of every port", async () => {
    const range = ["--range", `${sandbox.firstPort}-${sandbox.firstPort + HOSTILE.length - 1}`];
    const { exitCode, stdout, stderr } = await sandbox.run([...range, "assign"], { DOCKER_HOST: "unix:///nowhere" });
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: "" });
    expectHarmless(stderr);
  });
});
