import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import { bindAddresses, hostsOf, reachOf } from "../../src/lifecycle/reach.ts";

/** Of this machine, if it has one beside the loopback address. */
const own = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

function localReach(isLocal: boolean, knownHost: string) {
  return reachOf({ isLocal, endpoint: "unix:///run/docker.sock", knownHost, isInContainer: false });
}

describe("C9", () => {
  test.each([
    ["a local engine", true, "localhost", ["127.0.0.1"], "127.0.0.1"],
    ["a local engine by another name", true, "127.0.0.1", ["127.0.0.1"], "127.0.0.1"],
    ["a local engine by the wildcard address", true, "0.0.0.0", ["127.0.0.1"], "127.0.0.1"],
    ["the engine of this container's host", true, "203.0.113.7", [""], "203.0.113.7"],
    ["an engine with only a known name", true, "host.docker.internal", [""], "host.docker.internal"],
    ["a remote engine", false, "build-host", [""], "build-host"],
    ["a remote engine that is called localhost", false, "localhost", [""], "localhost"],
  ])("%s", async (_, isLocal, testcontainersHost, addresses, host) => {
    const reach = await localReach(isLocal, testcontainersHost);
    expect(bindAddresses(reach, undefined)).toEqual(addresses);
    expect(hostsOf(reach, addresses)[0]).toBe(host);
  });

  test.runIf(own !== undefined)("an engine inside this container", async () => {
    const reach = await localReach(true, own as string);
    expect(bindAddresses(reach, undefined)).toEqual(["127.0.0.1", own]);
    expect(hostsOf(reach, ["127.0.0.1", own as string])[0]).toBe("127.0.0.1");
  });

  test.each([
    ["0.0.0.0", true, "127.0.0.1"],
    ["::", true, "127.0.0.1"],
    ["192.168.1.5", true, "192.168.1.5"],
    ["::1", true, "::1"],
    ["0.0.0.0", false, "localhost"],
    ["10.0.0.7", false, "10.0.0.7"],
  ])("the address %s that was asked for, local: %s", async (wanted, isLocal, host) => {
    const reach = await localReach(isLocal, "localhost");
    expect(bindAddresses(reach, wanted)).toEqual([wanted]);
    expect(hostsOf(reach, [wanted])[0]).toBe(host);
  });
});
