import { describe, expect, test } from "vitest";
import { checkUp } from "../../src/registry/doctor/checkup.ts";
import type { Finding } from "../../src/registry/doctor/finding.ts";
import { listenOn } from "../helpers/listener.ts";
import { showProc, systemError } from "../helpers/recorded-proc.ts";
import { TestRegistry } from "../helpers/registry.ts";

async function finding(machine: TestRegistry, wanted: string): Promise<Finding | undefined> {
  const { path: registryPath, range, engine } = machine;
  const findings = await checkUp({ registryPath, portRange: range.join("-"), engine });
  return findings.find(({ check }) => check === wanted);
}

describe("doctor, on an entry of the Python tool,", () => {
  async function withEntry(): Promise<TestRegistry> {
    const machine = await TestRegistry.create();
    const entry = {
      project_path: machine.project("a"),
      port: machine.range[0],
      assigned_at: "2026-01-01T00:00:00.000000+00:00",
      assignment_type: "auto",
      status: "active",
      container_name: null,
    };
    machine.write({ schema_version: "1.0", assignments: [entry] });
    return machine;
  }

  test("calls it stale only if nothing listens on its port", async () => {
    const machine = await withEntry();
    const { close } = await listenOn(machine.range[0], "127.0.0.1");
    expect(await finding(machine, "assignments")).toMatchObject({ verdict: "ok", text: "1, none of them stale" });
    await close();
    const stale = { verdict: "warn", text: `stale: ${machine.range[0]} of ${machine.project("a")}` };
    expect(await finding(machine, "assignments")).toMatchObject(stale);
  });

  test("binds the port if the system does not list its listeners", async () => {
    const machine = await withEntry();
    const { close } = await listenOn(machine.range[0], "127.0.0.1");
    showProc({ "/proc/net/tcp": systemError("EACCES") }, { isOverlay: true });
    expect(await finding(machine, "assignments")).toMatchObject({ verdict: "ok", text: "1, none of them stale" });
    await close();
    expect(await finding(machine, "assignments")).toMatchObject({ verdict: "warn" });
  });
});

test("doctor reports any failure of the engine", async () => {
  const machine = await TestRegistry.create();
  machine.engine.onList = () => Promise.reject(new Error("bad gateway"));
  const remedy = "check that `docker info` answers";
  expect(await finding(machine, "engine")).toMatchObject({
    verdict: "warn",
    text: expect.stringMatching(/^bad gateway\. /),
    remedy,
  });
  machine.engine.onList = () => Promise.reject("not even an error");
  expect(await finding(machine, "engine")).toMatchObject({
    verdict: "warn",
    text: expect.stringMatching(/^not even an error\. /),
    remedy,
  });
});
