import { expect, test } from "vitest";
import { toInspectedContainer } from "../../src/docker/inspected-container.ts";

/** What podman 4.3.1 answers about a container, shortened to the fields that are read. */
function podmanContainer(changes: object) {
  return toInspectedContainer({
    Id: "60eede09c62b",
    Name: "/job",
    Image: "sha256:86f190f20fd3",
    State: { Status: "stopped", Running: false, StartedAt: "2026-11-29T06:18:14.891010675Z" },
    Config: { Image: "localhost/shop:1", Labels: null, Env: null },
    HostConfig: { NetworkMode: "bridge", PortBindings: { "1972/tcp": null, "2188/tcp": [{ HostPort: "21972" }] } },
    NetworkSettings: { Ports: { "1972/tcp": null }, Networks: {} },
    ...changes,
  });
}

test("a container of podman is described in Docker's words", () => {
  const bindings = { "1972/tcp": [], "2188/tcp": [{ hostIp: "", hostPort: 21972 }] };
  expect(podmanContainer({})).toMatchObject({ state: "exited", networks: [], bindings, published: { "1972/tcp": [] } });
});

test("a container of podman in the host's network, for which podman lists no network, is in the network `host`", () => {
  const { networks } = podmanContainer({ HostConfig: { NetworkMode: "host", PortBindings: {} } });
  expect(networks.map(({ name }) => name)).toEqual(["host"]);
});
