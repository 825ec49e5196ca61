import { describe, expect, it } from "vitest";
import { toInspectedContainer, toTargets } from "../../src/docker/inspected-container.ts";
import { boundPorts, publishedPorts } from "../../src/docker/published-ports.ts";

describe("publishedPorts", () => {
  it("lists a port once if the engine lists it for IPv4 and IPv6", () => {
    const ports = [
      { PublicPort: 21972, Type: "tcp" },
      { PublicPort: 21972, Type: "tcp" },
    ];
    expect(publishedPorts(ports)).toEqual([21972]);
  });

  it("leaves out ports that are only exposed, and other protocols", () => {
    expect(publishedPorts([{ Type: "tcp" }, { PublicPort: 21972, Type: "udp" }])).toEqual([]);
    expect(publishedPorts(null)).toEqual([]);
  });
});

describe("boundPorts", () => {
  it("reads every TCP binding once", () => {
    const bindings = {
      "1972/tcp": [{ HostPort: "21972" }, { HostPort: "21972" }],
      "52773/tcp": [{ HostPort: "22773" }],
      "53/udp": [{ HostPort: "20053" }],
    };
    expect(boundPorts(toTargets(bindings))).toEqual([21972, 22773]);
  });

  it("leaves out ports that the engine chooses at the start: no port, 0, and ranges", () => {
    const targets = [{ HostPort: "" }, { HostPort: "0" }, { HostPort: "21972-21981" }, {}];
    expect(boundPorts(toTargets({ "1972/tcp": targets }))).toEqual([]);
    expect(boundPorts(toTargets({ "1972/tcp": [{ HostPort: "21972-21972" }] }))).toEqual([21972]);
  });

  it("reads a range of one port as that port in the description of a container", () => {
    const described = toInspectedContainer({
      Id: "1",
      Name: "/other",
      Image: "sha256:1",
      State: { Status: "created" },
      Config: { Image: "any" },
      HostConfig: { PortBindings: { "1972/tcp": [{ HostPort: "21972-21972" }] } },
    });
    expect(boundPorts(described.bindings)).toEqual([21972]);
  });

  it("treats missing and invalid bindings as none", () => {
    expect(boundPorts(toTargets(undefined))).toEqual([]);
    expect(
      boundPorts(toTargets({ "1972/tcp": null, "1973/tcp": [{ HostPort: "abc" }, { HostPort: "70000" }] })),
    ).toEqual([]);
  });
});
