import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { Wait } from "testcontainers";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ensureEchoStandin } from "../../scripts/build-standin.ts";
import { ContainerMismatchError, InvalidArgumentError, PortConflictError, RegistryContainer } from "../../src/index.ts";
import { ContainerBench, privateBindings } from "../helpers/container-bench.ts";
import { askIdentity, docker, removeLabelled, uniqueLabel } from "../helpers/engine.ts";

let image: string;

beforeAll(async () => {
  image = await ensureEchoStandin();
});

function echo(bench: ContainerBench, project = bench.project(), containerPort?: number): RegistryContainer {
  return new RegistryContainer(image, containerPort).withRegistry(bench.registry()).withProject(project);
}

describe("an image that is not IRIS", () => {
  test("gets a registry port for the one port that it exposes", async () => {
    const bench = await ContainerBench.create();
    await using green = await echo(bench).withEnvironment({ ECHO_IDENTITY: "green" }).start();
    await using blue = await echo(bench, bench.project("blue")).withEnvironment({ ECHO_IDENTITY: "blue" }).start();
    expect([green.getPort(), blue.getPort()]).toEqual([bench.range[0], bench.range[0] + 1]);
    expect(await askIdentity(green.getHost(), green.getPort())).toBe(`echo-standin ${green.getHostname()} green`);
    expect(await askIdentity(blue.getHost(), blue.getPort())).toBe(`echo-standin ${blue.getHostname()} blue`);
    const published = (await docker("port", green.getId(), "8080/tcp")).split("\n");
    expect(published).toEqual(await privateBindings(green.getPort()));
  });

  test("gets a registry port for the named port, and random ports for the others", async () => {
    const bench = await ContainerBench.create();
    const container = echo(bench, bench.project(), 9000).withEnvironment({ ECHO_PORT: "9000" }).withExposedPorts(8080);
    await using started = await container.withWaitStrategy(Wait.forLogMessage("listens on 9000")).start();
    expect(started.getPort()).toBe(bench.range[0]);
    expect(started.getMappedPort(8080)).not.toBe(started.getPort());
    expect(await askIdentity(started.getHost(), started.getPort())).toContain(started.getHostname());
  });

  test("gets ready on the requested address, which Testcontainers does not check, and is joined there", async () => {
    const bench = await ContainerBench.create();
    await using started = await echo(bench).withBindAddress("127.0.0.3").withStartupTimeout(20_000).start();
    expect(started.getHost()).toBe("127.0.0.3");
    expect(await askIdentity("127.0.0.3", started.getPort())).toContain(started.getHostname());
    await using joined = await echo(bench).withStartupTimeout(20_000).start();
    expect([joined.getId(), joined.getHost()]).toEqual([started.getId(), "127.0.0.3"]);
  });

  test("C13: is not ready before it listens inside, although the engine answers outside", async () => {
    const bench = await ContainerBench.create();
    const container = echo(bench, bench.project(), 9000);
    await expect(container.withStartupTimeout(1_500).start()).rejects.toThrow(/9000/);
    await bench.expectNothingLeft();
  });

  test("is refused without a port if it exposes none or several", async () => {
    const bench = await ContainerBench.create();
    const container = new RegistryContainer(bench.image).withRegistry(bench.registry());
    const start = container.withProject(bench.project()).start();
    await expect(start).rejects.toThrow(InvalidArgumentError);
    await expect(start).rejects.toThrow(/several ports \(1972, 52773\)/);
    expect(() => new RegistryContainer(image, 0)).toThrow(InvalidArgumentError);
    await bench.expectNothingLeft();
  });

  test("is shared, and its environment must match", async () => {
    const bench = await ContainerBench.create();
    const start = (identity: string) => echo(bench).withEnvironment({ ECHO_IDENTITY: identity }).start();
    await using one = await start("one");
    await using two = await start("one");
    expect(two.getId()).toBe(one.getId());
    await expect(start("two")).rejects.toThrow(ContainerMismatchError);
    await expect(start("two")).rejects.toThrow(/value of ECHO_IDENTITY/);
    await expect(echo(bench, bench.project(), 9000).start()).rejects.toThrow(/container port/);
    await one.stop();
    expect(await askIdentity(two.getHost(), two.getPort())).toContain("one");
    await two.stop();
    await bench.expectNothingLeft();
  });

  test("that does not get ready fails with its last words, and leaves nothing", async () => {
    const bench = await ContainerBench.create();
    const wait = Wait.forLogMessage("never said").withStartupTimeout(1_000);
    const start = echo(bench).withWaitStrategy(wait).start();
    await expect(start).rejects.toMatchObject({ code: "CONTAINER_START", logTail: "echo-standin listens on 8080" });
    await expect(start).rejects.toThrow(/never said/);
    await bench.expectNothingLeft();
  });

  test("that cannot even be created fails with the engine's words, and leaves nothing", async () => {
    const bench = await ContainerBench.create();
    const start = echo(bench).withEntrypoint(["/no-such-program"]).start();
    await expect(start).rejects.toMatchObject({ code: "CONTAINER_START" });
    await expect(start).rejects.toThrow(/no-such-program/);
    await bench.expectNothingLeft();
  });

  test("has its own port without a registry, and nothing is written", async () => {
    const bench = await ContainerBench.create();
    const port = bench.range[0];
    const container = () =>
      new RegistryContainer(image, port).withEnvironment({ ECHO_PORT: String(port) }).withoutPortRegistry();
    await using started = await container().start();
    expect(await askIdentity(started.getHost(), port)).toContain(started.getHostname());
    await expect(container().start()).rejects.toThrow(PortConflictError);
    await expect(readFile(bench.registryPath)).rejects.toThrow("ENOENT");
  });

  test("that fails between its creation and its start is removed, even without a registry", async () => {
    const bench = await ContainerBench.create();
    const label = uniqueLabel();
    onTestFinished(() => removeLabelled(label));
    const [name = "", value = ""] = label.split("=");
    const port = bench.range[0];
    const container = new RegistryContainer(image, port).withoutPortRegistry().withLabels({ [name]: value });
    const emptyTar = Readable.from([Buffer.alloc(1024)]);
    const start = container.withCopyArchivesToContainer([{ tar: emptyTar, target: "/no/such/directory" }]).start();
    await expect(start).rejects.toThrow(/no\/such\/directory/);
    expect(await docker("ps", "--all", "--quiet", "--filter", `label=${label}`)).toBe("");
  });

  test("is reused in Testcontainers' own way without a registry", async () => {
    const bench = await ContainerBench.create();
    const port = bench.range[0];
    const container = () =>
      new RegistryContainer(image, port)
        .withEnvironment({ ECHO_PORT: String(port) })
        .withoutPortRegistry()
        .withReuse();
    await using first = await container().start();
    await using second = await container().start();
    expect(second.getId()).toBe(first.getId());
  });
});
