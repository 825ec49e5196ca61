import { describe, expect, test } from "vitest";
import { checkRunners, type Runner } from "../../src/registry/doctor/check-runners.ts";
import { checkCores, checkSystemPorts } from "../../src/registry/doctor/check-system.ts";
import { parseExcludedPorts, parsePortRanges, type SystemPorts } from "../../src/registry/host/system-ports.ts";

const NETSH = `
Protokoll tcp Portausschlussbereiche

Startport      Endport
----------    --------
      1945        2044
      5357        5357
     50000       50059     *

* - Verwaltete Portausschlüsse.
`;

describe("doctor, on what the system does with ports,", () => {
  const system: SystemPorts = { ephemeral: [32_768, 60_999], reserved: [], excluded: [] };

  test("says that an outgoing connection may take a web port, with a command that keeps what is reserved", () => {
    expect(checkSystemPorts([1972, 1981], system)).toEqual([
      {
        check: "system",
        verdict: "warn",
        text: "outgoing connections may take ports 52773-52782, which this machine does not reserve",
        remedy: "sudo sysctl -w net.ipv4.ip_local_reserved_ports=52773-52782",
      },
    ]);
    const [finding] = checkSystemPorts([1972, 1981], { ...system, reserved: [[8080, 8080]] });
    expect(finding?.remedy).toMatch(/=8080,52773-52782$/);
  });

  test.each<[string, Partial<SystemPorts>]>([
    ["are reserved", { reserved: [[52_000, 53_000]] }],
    ["are outside the range of outgoing connections", { ephemeral: [60_000, 65_535] }],
    ["are not known", { ephemeral: undefined }],
  ])("says nothing where the web ports %s", (_, more) => {
    expect(checkSystemPorts([1972, 1981], { ...system, ...more })).toEqual([]);
  });

  test("reports the range's own ports, but no web ports if the range has none", () => {
    expect(checkSystemPorts([20_000, 20_009], system)).toEqual([]);
    expect(checkSystemPorts([40_000, 40_009], system)).toMatchObject([
      { text: expect.stringContaining("40000-40009") },
    ]);
  });

  test("reads Windows' excluded ports in any language, and names those in the way", () => {
    const excluded = parseExcludedPorts(NETSH);
    expect(excluded).toEqual([
      [1945, 2044],
      [5357, 5357],
      [50_000, 50_059],
    ]);
    const findings = checkSystemPorts([1972, 1981], { ephemeral: undefined, reserved: [], excluded });
    expect(findings).toMatchObject([{ text: expect.stringContaining("ports 1972-1981 (netsh") }]);
    expect(parseExcludedPorts("")).toEqual([]);
  });

  test("reads the kernel's list", () => {
    expect(parsePortRanges("")).toEqual([]);
    expect(parsePortRanges("8080,52773-52782")).toEqual([
      [8080, 8080],
      [52_773, 52_782],
    ]);
  });
});

test.each([
  [20, 0],
  [21, 1],
])("doctor says on %i processors that Community images do not start: %i findings", (cores, count) => {
  expect(checkCores(cores)).toHaveLength(count);
});

describe("doctor, on GitHub runners of this machine,", () => {
  const runner = (more: Partial<Runner>): Runner => ({
    pid: 7,
    uid: 1001,
    environment: undefined,
    home: "/home/ci",
    ...more,
  });

  test("names a runner that uses another registry", () => {
    expect(checkRunners("/srv/ports/port-registry.json", [runner({})])).toMatchObject([
      { verdict: "warn", text: expect.stringContaining("/home/ci/.iris-devtester/port-registry.json") },
    ]);
    const environment = new Map([["IRIS_PORT_REGISTRY", "/elsewhere.json"]]);
    expect(checkRunners("/srv/r.json", [runner({ environment })])[0]?.text).toContain("/elsewhere.json");
  });

  test("says nothing about a runner that uses the same registry, or of which nothing is known", () => {
    const environment = new Map([["IRIS_PORT_REGISTRY", "/srv/r.json"]]);
    expect(checkRunners("/srv/r.json", [runner({ environment }), runner({ home: undefined })])).toEqual([]);
  });
});
