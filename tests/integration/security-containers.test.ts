import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { ContainerMismatchError, IrisRegistryContainer } from "../../src/index.ts";
import { bindAddresses, reachOf } from "../../src/lifecycle/reach.ts";
import { ContainerBench, testcontainersHost } from "../helpers/container-bench.ts";
import { docker } from "../helpers/engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { Program } from "../helpers/processes.ts";

const SECRET = "kept-Secret-4711";

describe("a password", () => {
  test("is in no name, label, registry or argument of the container", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().withUsername("shop").withPassword(SECRET).start();
    expect(iris.getPassword()).toBe(SECRET);
    expect(await docker("inspect", iris.getId())).not.toContain(SECRET);
    for (const name of fs.readdirSync(bench.directory, { recursive: true, encoding: "utf8" })) {
      const path = `${bench.directory}/${name}`;
      if (fs.statSync(path).isFile()) expect(fs.readFileSync(path, "utf8")).not.toContain(SECRET);
    }
  });

  test("leaves a digest that is different in every container", async () => {
    const bench = await ContainerBench.create();
    const start = (name: string) => bench.iris(bench.project(name)).withPassword(SECRET).start();
    await using blue = await start("blue");
    await using green = await start("green");
    const [one, other] = [blue, green].map((iris) => JSON.parse(iris.getLabels()["io.iris-ports.fingerprint"] ?? "{}"));
    expect(one.salt).not.toBe(other.salt);
    for (const [name, digest] of Object.entries(one)) expect(other[name]).not.toBe(digest);
  });

  test("is not in the error about a container with another password", async () => {
    const bench = await ContainerBench.create();
    await using _ = await bench.iris().withPassword(SECRET).start();
    const error = await bench
      .iris()
      .withPassword("another-Secret-42")
      .start()
      .catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ContainerMismatchError);
    expect(`${error} ${JSON.stringify(error)} ${(error as Error).stack}`).not.toMatch(/another-Secret-42|kept-Secret/);
  });

  test("is not in the error about an invalid password", () => {
    const hostile = `${SECRET}\n##class(%File).Delete("x")`;
    expect(() => new IrisRegistryContainer().withPassword(hostile)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(SECRET) }),
    );
  });

  test("is in no trace, whatever is traced", async () => {
    const bench = await ContainerBench.create();
    const start = { image: bench.image, registryPath: bench.registryPath, portRange: bench.range };
    const program = Program.node(
      "start-with-password.ts",
      [JSON.stringify({ ...start, project: bench.project(), password: SECRET })],
      { DEBUG: "iris-ports*,testcontainers*" },
    );
    // Testcontainers writes its traces to stdout, others to stderr.
    const stdout = (await program.output()).join("\n");
    const { stderr } = await program.ended();
    expect(stdout).toContain("testcontainers [DEBUG]");
    expect(stdout + stderr).not.toContain(SECRET);
    await bench.expectNothingLeft();
  });
});

describe("a container", () => {
  test("is not opened to the network because the engine's bridge has no container yet", async () => {
    const name = `iris-ports-test-${randomUUID()}`;
    await docker("network", "create", name);
    onTestFinished(async () => void (await docker("network", "rm", name)));
    const gateway = await docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", name);
    const reach = await reachOf({ isLocal: true, endpoint: "unix:///x", knownHost: gateway, isInContainer: false });
    expect(bindAddresses(reach, undefined)).toEqual(["127.0.0.1", gateway]);
  });

  test("listens on the loopback address alone, because IRIS has well-known passwords", async () => {
    const bench = await ContainerBench.create();
    // Whatever Testcontainers makes of this machine; where it takes it for a container, see tests/unit/host-address.test.ts.
    const maker = bench.child({}, { TESTCONTAINERS_HOST_OVERRIDE: "localhost" });
    const { id, port } = await maker.started();
    const { HostConfig } = JSON.parse(await docker("inspect", id))[0];
    expect(HostConfig.PortBindings["1972/tcp"]).toEqual([{ HostIp: "127.0.0.1", HostPort: String(port) }]);
    expect(HostConfig.Privileged).toBe(false);
    expect(HostConfig.PublishAllPorts).toBe(false);
    await maker.stop();
  });

  test("listens nowhere else on its further ports", async () => {
    const bench = await ContainerBench.create();
    const [fixed] = await freePorts(1);
    const container = bench.iris().withExposedPorts(2188, "4444/udp", { container: 53773, host: fixed });
    await using iris = await container.start();
    const { Ports } = JSON.parse(await docker("inspect", "--format", "{{json .NetworkSettings}}", iris.getId()));
    const addresses = (key: string) => Ports[key].map(({ HostIp }: { HostIp: string }) => HostIp).sort();
    const own = [...new Set(["127.0.0.1", await testcontainersHost()])].sort();
    expect(addresses("1972/tcp")).toEqual(own);
    expect(addresses("53773/tcp")).toEqual(own);
    // Where the engine chooses, it would choose one port for each address.
    for (const key of ["52773/tcp", "2188/tcp", "4444/udp"]) expect(addresses(key)).toEqual(["127.0.0.1"]);
  });
});
