import { describe, expect, it } from "vitest";
import { boundPorts, publishedPorts } from "../../src/docker/published-ports.ts";

describe("publishedPorts", () => {
  it("names a port once that the engine lists for IPv4 and IPv6", () => {
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
    expect(boundPorts(bindings)).toEqual([21972, 22773]);
  });

  it("leaves out what the engine chooses at start: no port, 0, and ranges", () => {
    const targets = [{ HostPort: "" }, { HostPort: "0" }, { HostPort: "21972-21981" }, {}];
    expect(boundPorts({ "1972/tcp": targets })).toEqual([]);
    expect(boundPorts({ "1972/tcp": [{ HostPort: "21972-21972" }] })).toEqual([21972]);
  });

  it("takes no binding at all, and nonsense, for nothing", () => {
    expect(boundPorts(undefined)).toEqual([]);
    expect(boundPorts({ "1972/tcp": null, "1973/tcp": [{ HostPort: "abc" }, { HostPort: "70000" }] })).toEqual([]);
  });
});
