import { expect, test } from "vitest";
import { bindingsOn, exposedPort } from "../../src/containers/options/port-bindings.ts";

test("a fixed host port is bound on every address, one that the engine chooses on the first", () => {
  const bindings = { "1972/tcp": [{ HostPort: "1975" }], "2188/tcp": [{ HostPort: "0" }], "9/udp": [{}] };
  expect(bindingsOn(["127.0.0.1", "172.17.0.1"], bindings)).toEqual({
    "1972/tcp": [
      { HostIp: "127.0.0.1", HostPort: "1975" },
      { HostIp: "172.17.0.1", HostPort: "1975" },
    ],
    "2188/tcp": [{ HostIp: "127.0.0.1", HostPort: "0" }],
    "9/udp": [{ HostIp: "127.0.0.1" }],
  });
});

test("an address that is already named stays", () => {
  const bindings = { "1972/tcp": [{ HostIp: "192.0.2.7", HostPort: "1975" }] };
  expect(bindingsOn(["127.0.0.1"], bindings)).toEqual(bindings);
});

test.each([
  [1972, { key: "1972/tcp", hostPort: undefined }],
  ["1972/tcp" as const, { key: "1972/tcp", hostPort: undefined }],
  ["53/udp" as const, { key: "53/udp", hostPort: undefined }],
  [
    { container: 53, host: 1053, protocol: "udp" as const },
    { key: "53/udp", hostPort: 1053 },
  ],
  [
    { container: 52773, host: 8080 },
    { key: "52773/tcp", hostPort: 8080 },
  ],
])("%j is what a user exposes", (port, exposed) => {
  expect(exposedPort(port)).toEqual(exposed);
});
