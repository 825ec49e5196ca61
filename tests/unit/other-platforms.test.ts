import fs from "node:fs";
import { hostname } from "node:os";
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
  vi.restoreAllMocks();
});

/** What this machine would say of processes if it were another one. */
async function identityOn(name: NodeJS.Platform) {
  Object.defineProperty(process, "platform", { ...platform, value: name });
  return import("../../src/registry/host/process-identity.ts");
}

function command(name: string, script: string): void {
  fs.writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

test.skipIf(process.platform === "win32")(
  "on macOS a start time reads the same in every locale and time zone",
  async () => {
    command("ps", 'echo "$LC_ALL $TZ $*"');
    command("sysctl", "echo boot-session");
    command("ioreg", `echo '  "IOPlatformUUID" = "0000-1111"'`);
    vi.stubEnv("TZ", "Asia/Tokyo");
    vi.stubEnv("LC_ALL", "de_DE.UTF-8");
    const { currentMachine, startTimeOf } = await identityOn("darwin");
    expect(await startTimeOf(42)).toBe("C UTC0 -o lstart= -p 42");
    expect(await currentMachine()).toMatchObject({ bootId: "boot-session", pidNamespace: "darwin" });
    // A digest of the hardware's id: the host name changes with the network.
    expect((await currentMachine()).host).toMatch(/^[0-9a-f]{16}$/);
    // As in the virtual machine of a container engine.
    const { observeProcess } = await import("../../src/registry/evidence/liveness.ts");
    const inside = { ...(await currentMachine()), pidNamespace: "pid:[4026532299]", pid: 7, startTime: "4711" };
    expect(await observeProcess(inside)).toBe("unknown");
  },
);

test.skipIf(process.platform === "win32")("on macOS, values that cannot be read are unknown", async () => {
  command("ps", "exit 1");
  command("sysctl", "exit 1");
  command("ioreg", "exit 1");
  const { identifyProcess } = await identityOn("darwin");
  expect(await identifyProcess(42)).toMatchObject({ startTime: "unknown", bootId: "unknown", host: hostname() });
});

test.skipIf(process.platform === "win32")(
  "on Windows PowerShell tells the start time, and nothing the boot",
  async () => {
    command("powershell.exe", "echo 42 2026-11-23T05:06:07");
    const { identifyProcess } = await identityOn("win32");
    expect(await identifyProcess(42)).toMatchObject({
      startTime: "2026-11-23T05:06:07",
      bootId: "unknown",
      pidNamespace: "win32",
    });
  },
);

test.skipIf(process.platform === "win32")("on Windows one PowerShell process checks all processes", async () => {
  command("powershell.exe", `echo "$*" >>'${join(bin, "asked")}'; echo 41 earlier; echo 43 later`);
  const { startTimeOf } = await identityOn("win32");
  expect(await Promise.all([41, 42, 43].map(startTimeOf))).toEqual(["earlier", "unknown", "later"]);
  expect(fs.readFileSync(join(bin, "asked"), "utf8").match(/Get-Process/g)).toHaveLength(1);
});

test("a Linux without readable ids is identified by its host name, and its processes are unknown", async () => {
  vi.spyOn(fs, "readFileSync").mockImplementation(() => {
    throw Object.assign(new Error("hidden"), { code: "EACCES" });
  });
  vi.spyOn(fs, "readlinkSync").mockImplementation(() => {
    throw Object.assign(new Error("hidden"), { code: "EACCES" });
  });
  const { identifyProcess } = await identityOn("linux");
  expect(await identifyProcess(process.pid)).toEqual({
    host: hostname(),
    bootId: "unknown",
    pidNamespace: "unknown",
    pid: process.pid,
    startTime: "unknown",
  });
  const { observeProcess } = await import("../../src/registry/evidence/liveness.ts");
  const here = await identifyProcess(process.pid);
  expect(await observeProcess(here)).toBe("unknown");
  expect(await observeProcess({ ...here, bootId: "another" })).toBe("unknown");
});

test("empty system files count as missing", async () => {
  vi.spyOn(fs, "readFileSync").mockReturnValue("");
  const { currentMachine, startTimeOf } = await identityOn("linux");
  expect(await currentMachine()).toMatchObject({ host: hostname(), bootId: "unknown" });
  expect(await startTimeOf(process.pid)).toBe("unknown");
});

test.skipIf(process.platform === "win32")("commands that print nothing give no value", async () => {
  for (const name of ["ps", "sysctl", "ioreg", "powershell.exe"]) command(name, "exit 0");
  expect(await (await identityOn("darwin")).identifyProcess(42)).toMatchObject({
    startTime: "unknown",
    bootId: "unknown",
  });
  vi.resetModules();
  expect(await (await identityOn("win32")).startTimeOf(42)).toBe("unknown");
});

test("on other systems the listener is unknown", async () => {
  Object.defineProperty(process, "platform", { ...platform, value: "darwin" });
  vi.spyOn(fs, "existsSync").mockReturnValue(false);
  const { listenerName, listeningPorts } = await import("../../src/registry/host/listening-ports.ts");
  expect(listenerName(1972)).toBe("a process of this host");
  expect(listeningPorts()).toBeUndefined();
});

test.skipIf(process.platform === "win32")(
  "on Windows netsh tells the excluded ports, or nothing is known",
  async () => {
    Object.defineProperty(process, "platform", { ...platform, value: "win32" });
    const { readSystemPorts } = await import("../../src/registry/host/system-ports.ts");
    command("netsh", `[ "$*" = 'interface ipv4 show excludedportrange protocol=tcp' ] && echo '  1945   2044   *'`);
    expect((await readSystemPorts()).excluded).toEqual([[1945, 2044]]);
    command("netsh", "exit 1");
    expect((await readSystemPorts()).excluded).toEqual([]);
  },
);

test("an identity that Linux could not report for a moment is read again", async () => {
  const failing = vi.spyOn(fs, "readFileSync").mockImplementation(() => {
    throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
  });
  const { currentMachine } = await identityOn("linux");
  expect(await currentMachine()).toMatchObject({ host: hostname(), bootId: "unknown" });
  failing.mockReturnValue("now-readable\n");
  expect(await currentMachine()).toMatchObject({
    host: expect.stringMatching(/^[0-9a-f]{16}$/),
    bootId: "now-readable",
  });
});
