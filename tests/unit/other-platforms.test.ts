import fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { temporaryDirectory } from "../helpers/registry.ts";

/**
 * How other systems are asked, shown with stand-ins for their commands; what those answer in truth, only a run of the
 * tests on these systems shows.
 */
const platform = Object.getOwnPropertyDescriptor(process, "platform") as PropertyDescriptor;
let bin: string;

beforeEach(() => {
  bin = temporaryDirectory();
  vi.stubEnv("PATH", `${bin}:/usr/bin:/bin`);
  vi.resetModules();
});

afterEach(() => {
  Object.defineProperty(process, "platform", platform);
  vi.unstubAllEnvs();
});

/** What this machine would say of processes if it were another one. */
async function identityOn(name: NodeJS.Platform) {
  Object.defineProperty(process, "platform", { ...platform, value: name });
  return import("../../src/ports/process-identity.ts");
}

function command(name: string, script: string): void {
  fs.writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

test.skipIf(process.platform === "win32")(
  "on macOS a start time reads the same in every locale and time zone",
  async () => {
    command("ps", 'echo "$LC_ALL $TZ $*"');
    command("sysctl", "echo boot-session");
    vi.stubEnv("TZ", "Asia/Tokyo");
    vi.stubEnv("LC_ALL", "de_DE.UTF-8");
    const { currentMachine, startTimeOf } = await identityOn("darwin");
    expect(await startTimeOf(42)).toBe("C UTC0 -o lstart= -p 42");
    expect(await currentMachine()).toMatchObject({ bootId: "boot-session", pidNamespace: "darwin" });
  },
);

test.skipIf(process.platform === "win32")("on macOS what cannot be asked is unknown", async () => {
  command("ps", "exit 1");
  command("sysctl", "exit 1");
  const { identifyProcess } = await identityOn("darwin");
  expect(await identifyProcess(42)).toMatchObject({ startTime: "unknown", bootId: "unknown" });
});

test.skipIf(process.platform === "win32")(
  "on Windows PowerShell tells the start time, and nothing the boot",
  async () => {
    command("powershell.exe", "echo 2026-11-23T05:06:07");
    const { identifyProcess } = await identityOn("win32");
    expect(await identifyProcess(42)).toMatchObject({
      startTime: "2026-11-23T05:06:07",
      bootId: "unknown",
      pidNamespace: "win32",
    });
  },
);
