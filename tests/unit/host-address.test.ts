import { describe, expect, test } from "vitest";
import { bindAddresses, type EngineReach, hostFor } from "../../src/containers/host-address.ts";

const own = ["127.0.0.1", "::1", "172.17.0.1", "192.168.1.5"];
const reach = (isLocal: boolean, testcontainersHost: string): EngineReach => ({
  isLocal,
  testcontainersHost,
  ownAddresses: own,
});

describe("C9", () => {
  test.each([
    ["a local engine", reach(true, "localhost"), ["127.0.0.1"], "127.0.0.1"],
    ["a local engine by another name", reach(true, "127.0.0.1"), ["127.0.0.1"], "127.0.0.1"],
    ["an engine inside this container", reach(true, "172.17.0.1"), ["127.0.0.1", "172.17.0.1"], "127.0.0.1"],
    ["the engine of this container's host", reach(true, "10.88.0.1"), [""], "10.88.0.1"],
    ["a remote engine", reach(false, "build-host"), [""], "build-host"],
  ])("%s", (_, engine, addresses, host) => {
    expect(bindAddresses(engine, undefined)).toEqual(addresses);
    expect(hostFor(engine, addresses)).toBe(host);
  });

  test.each([
    ["0.0.0.0", true, "127.0.0.1"],
    ["::", true, "127.0.0.1"],
    ["192.168.1.5", true, "192.168.1.5"],
    ["::1", true, "::1"],
    ["0.0.0.0", false, "localhost"],
    ["10.0.0.7", false, "10.0.0.7"],
  ])("the address %s that was asked for, local: %s", (wanted, isLocal, host) => {
    const engine = reach(isLocal, "localhost");
    expect(bindAddresses(engine, wanted)).toEqual([wanted]);
    expect(hostFor(engine, [wanted])).toBe(host);
  });
});
