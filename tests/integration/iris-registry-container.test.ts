import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { getContainerRuntimeClient, Wait } from "testcontainers";
import { describe, expect, test } from "vitest";
import {
  ContainerMismatchError,
  InvalidArgumentError,
  IrisRegistryContainer,
  LABEL_INSTANCE,
  LABEL_PORT,
  LABEL_PROJECT,
  memoryCapCpf,
  PortConflictError,
} from "../../src/index.ts";
import { ContainerBench, isStandin, privateBindings } from "../helpers/container-bench.ts";
import { askIdentity, docker, dockerCli } from "../helpers/engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { webPortRange } from "../helpers/web-ports.ts";

describe("C1 a start", () => {
  test("needs no configuration except the environment's", async () => {
    const bench = await ContainerBench.create();
    const env = { IRIS_PORT_REGISTRY: bench.registryPath, IRIS_PORT_RANGE: bench.range.join("-") };
    const before = { ...process.env };
    Object.assign(process.env, env, { IRIS_PORTS_PROJECT: bench.project() });
    try {
      await using iris = await new IrisRegistryContainer(bench.image).start();
      expect(iris.getPort()).toBe(bench.range[0]);
      expect(iris.getProjectPath()).toBe(bench.project());
    } finally {
      process.env = before;
    }
    await bench.expectNothingLeft();
  });

  test("answers under its own identity on its assigned port", async () => {
    const bench = await ContainerBench.create();
    await using blue = await bench.iris(bench.project("blue"), "blue").start();
    await using green = await bench.iris(bench.project("green"), "green").start();
    expect(blue.getPort()).not.toBe(green.getPort());
    if (!isStandin) return;
    expect(await askIdentity(blue.getHost(), blue.getPort())).toBe(`iris-standin ${blue.getHostname()} blue`);
    expect(await askIdentity(green.getHost(), green.getPort())).toBe(`iris-standin ${green.getHostname()} green`);
  });

  test("may be repeated with one object, one after the other or at once", async () => {
    const bench = await ContainerBench.create();
    const container = bench.iris();
    const [first, second] = await Promise.all([container.start(), container.start()]);
    expect(second.getId()).toBe(first.getId());
    await Promise.all([first.stop(), second.stop()]);
    await bench.expectNothingLeft();
    await using third = await container.start();
    expect(third.getId()).not.toBe(first.getId());
    expect(third.getPort()).toBe(first.getPort());
  });

  test("refuses invalid options before anything is created", async () => {
    const bench = await ContainerBench.create();
    const container = () => bench.iris();
    expect(() => container().withPort(70000)).toThrow(InvalidArgumentError);
    expect(() => container().withInstance("a b")).toThrow(InvalidArgumentError);
    expect(() => container().withProject("")).toThrow(InvalidArgumentError);
    expect(() => container().withNamespace("1st")).toThrow(InvalidArgumentError);
    expect(() => container().withUsername('a"b')).toThrow(InvalidArgumentError);
    expect(() => container().withPassword("")).toThrow(InvalidArgumentError);
    for (const address of ["foo", "", "[::1]", "fe80::1%eth0", "127.0.0.1:1972"])
      expect(() => container().withBindAddress(address)).toThrow(/not an address to publish ports on/);
    expect(() => container().withLicenseKey("/nowhere/iris.key")).toThrow(InvalidArgumentError);
    expect(() => container().withCpfMerge("/nowhere/merge.cpf")).toThrow(InvalidArgumentError);
    await expect(container().withName("mine").start()).rejects.toThrow(InvalidArgumentError);
    for (const mode of ["host", "none", "container:other"])
      await expect(container().withNetworkMode(mode).start()).rejects.toThrow(/publishes no ports/);
    const onHostPort = container().withExposedPorts({ container: 1972, host: bench.range[0] });
    await expect(onHostPort.start()).rejects.toThrow(/withPort\(\)/);
    const onTwoWebPorts = container().withExposedPorts({ container: 52773, host: bench.range[0] }).withWebPort();
    await expect(onTwoWebPorts.start()).rejects.toThrow(/withWebPort\(\)/);
    await expect(container().withPortRange([1, 2]).start()).rejects.toThrow(InvalidArgumentError);
    await bench.expectNothingLeft();
  });
});

describe("C2 the container", () => {
  test("has its name and labels from the assignment, and is bound to its port", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().withInstance("second").withLabels({ own: "label" }).start();
    const assignment = iris.getAssignment();
    expect(iris.getName()).toBe(`/${assignment?.containerName}`);
    expect(iris.getLabels()).toMatchObject({
      [LABEL_PROJECT]: bench.project(),
      [LABEL_PORT]: String(iris.getPort()),
      [LABEL_INSTANCE]: "second",
      own: "label",
    });
    const published = (await docker("port", iris.getId(), "1972/tcp")).split("\n");
    expect(published).toEqual(await privateBindings(iris.getPort()));
    expect(await bench.registry().inspect(bench.project(), { instance: "second" })).toMatchObject({
      ...assignment,
      status: "active",
    });
  });

  test("takes a preferred port as a manual one, and refuses another when the project has one", async () => {
    const bench = await ContainerBench.create();
    const port = bench.range[1];
    await using iris = await bench.iris().withPort(port).start();
    expect(iris.getAssignment()).toMatchObject({ port, assignmentType: "manual" });
    await expect(bench.iris().withPort(bench.range[0]).start()).rejects.toThrow(PortConflictError);
    await expect(bench.iris(bench.project("other")).withPort(port).start()).rejects.toThrow(PortConflictError);
    expect(await bench.containers()).toHaveLength(1);
  });
});

describe("C4 stop()", () => {
  test("removes the container and releases the port, once, however often it is called", async () => {
    const bench = await ContainerBench.create();
    const iris = await bench.iris().start();
    const stopped = await Promise.all([iris.stop(), iris.stop()]);
    expect(stopped.map((container) => container.getId())).toEqual([iris.getId(), iris.getId()]);
    await iris.stop();
    await bench.expectNothingLeft();
  });

  test("does not fail if the container was removed before, or the registry was cleared", async () => {
    const bench = await ContainerBench.create();
    const removed = await bench.iris().start();
    await docker("rm", "--force", removed.getId());
    await removed.stop();
    await bench.expectNothingLeft();
    const cleared = await bench.iris().start();
    await bench.registry().clearAll();
    await cleared.stop();
    await bench.expectNothingLeft();
  });

  test("removes the container and warns when the registry cannot be written to", async () => {
    const bench = await ContainerBench.create();
    const iris = await bench.iris().start();
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on("warning", listen);
    await writeFile(bench.registryPath, "not JSON at all");
    await iris.stop();
    await delay(0);
    process.off("warning", listen);
    expect(warnings.map(({ name }) => name)).toContain("IrisPortsWarning");
    expect(warnings.at(-1)).toMatchObject({ code: "REGISTRY_CORRUPT" });
    expect(await bench.containers()).toEqual([]);
  });

  test("keeps a container that is only stopped, and the next start replaces it on its port", async () => {
    const bench = await ContainerBench.create();
    const iris = await bench.iris().start();
    await iris.stop({ remove: false });
    expect(await docker("inspect", "--format", "{{.State.Status}}", iris.getId())).toBe("exited");
    expect(await bench.registry().inspect(bench.project())).toMatchObject({ port: iris.getPort(), status: "active" });
    await using next = await bench.iris().start();
    expect(next.getPort()).toBe(iris.getPort());
    expect(next.getId()).not.toBe(iris.getId());
    expect(await bench.containers()).toHaveLength(1);
  });

  test("is started and stopped without commands inside it except a session", async () => {
    const bench = await ContainerBench.create();
    const begin = String(Date.now() / 1_000);
    const iris = await bench.iris().start();
    await iris.stop();
    const filters = [`container=${iris.getId()}`, "event=exec_create"].flatMap((filter) => ["--filter", filter]);
    const until = String(Date.now() / 1_000);
    const events = await docker("events", "--since", begin, "--until", until, ...filters, "--format", "{{.Action}}");
    const commands = events.split("\n").map((line) => line.replace(/^exec_create: /, ""));
    expect(commands.length).toBeGreaterThan(0);
    // The second runs beside the session.
    expect(commands.filter((command) => !/iris session|command -v iris/.test(command))).toEqual([]);
  });

  test("comes with `await using`", async () => {
    const bench = await ContainerBench.create();
    {
      await using iris = await bench.iris().start();
      expect(await bench.containers()).toEqual([iris.getAssignment()?.containerName]);
    }
    await bench.expectNothingLeft();
  });
});

describe("C7 without a registry", () => {
  test("the port is fixed, and nothing is written", async () => {
    const bench = await ContainerBench.create();
    const port = bench.range[0];
    const start = () => new IrisRegistryContainer(bench.image).withoutPortRegistry().withPort(port).start();
    await using iris = await start();
    expect(iris.getPort()).toBe(port);
    expect([iris.getAssignment(), iris.getProjectPath()]).toEqual([undefined, undefined]);
    expect(Object.keys(iris.getLabels())).not.toContain(LABEL_PROJECT);
    await expect(start()).rejects.toThrow(/withoutPortRegistry/);
    await bench.expectNothingLeft();
    const ids = await docker("ps", "--all", "--quiet", "--no-trunc", "--filter", `publish=${port}`);
    expect(ids.split("\n").filter(Boolean)).toEqual([iris.getId()]);
  });
});

describe("C8 a started container", () => {
  test("has methods for connecting", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().start();
    const port = iris.getAssignedPort();
    expect(port).toBe(iris.getPort());
    expect(iris.getHost()).toBe("127.0.0.1");
    expect(iris.getNamespace()).toBe("USER");
    expect(iris.getConnectionUri()).toBe(`iris://_SYSTEM:SYS@127.0.0.1:${port}/USER`);
    expect(iris.getJdbcUrl()).toBe(`jdbc:IRIS://127.0.0.1:${port}/USER`);
    const login = { ns: "USER", user: "_SYSTEM", pwd: "SYS", sharedmemory: false };
    expect(iris.getConnectionOptions()).toEqual({ host: "127.0.0.1", port, ...login });
    expect((await iris.exec(["echo", "here"])).stdout).toBe("here\n");
  });

  test("has the requested user and namespace", async () => {
    const bench = await ContainerBench.create();
    const password = 'p@ss "word" é';
    await using iris = await bench.iris().withUsername("alice").withPassword(password).withNamespace("shop").start();
    expect([iris.getNamespace(), iris.getUsername(), iris.getPassword()]).toEqual(["SHOP", "alice", password]);
    expect(iris.getConnectionUri()).toContain("alice:p%40ss%20%22word%22%20%C3%A9@");
    const script = 'write ##class(Security.Users).Exists("alice"),##class(%SYS.Namespace).Exists("SHOP"),!\nhalt\n';
    const session = await iris.exec(["sh", "-c", `printf '%s' '${script}' | iris session IRIS -U %SYS`]);
    expect(session.stdout).toContain("11");
    expect(JSON.stringify(await docker("inspect", iris.getId()))).not.toContain("p@ss");
  });

  test.runIf(isStandin)("has the merge file and the licence key that were given", async () => {
    const bench = await ContainerBench.create();
    const key = join(bench.directory, "iris.key");
    await writeFile(key, "12345");
    await using iris = await bench.iris().withLicenseKey(key).withCpfMerge(memoryCapCpf(256)).start();
    const { stdout } = await dockerCli(["logs", iris.getId()]);
    expect(stdout).toContain("License key /usr/irissys/mgr/iris.key: 5 bytes");
    expect((await iris.exec("cat /var/lib/standin/merged.cpf")).stdout).toBe(memoryCapCpf(256));
  });

  test("may be restarted on its port", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().withNamespace("SHOP").start();
    await iris.restart();
    const published = (await docker("port", iris.getId(), "1972/tcp")).split("\n");
    expect(published).toEqual(await privateBindings(iris.getPort()));
  });

  test("waits for a wait strategy of the user's own, and for a session after it", async () => {
    const bench = await ContainerBench.create();
    const wait = Wait.forLogMessage("Enabling logons");
    await using iris = await bench.iris().withWaitStrategy(wait).withUsername("bob").withPassword("secret").start();
    expect(iris.getUsername()).toBe("bob");
  });

  test.runIf(isStandin)("tries a session even after a strategy that took longer than its own time-out", async () => {
    const bench = await ContainerBench.create();
    const wait = Wait.forLogMessage("Enabling logons").withStartupTimeout(30_000);
    const slow = bench.iris().withEnvironment({ IRIS_STANDIN_START_MS: "2500", IRIS_STANDIN_SIGNON_MS: "200" });
    await using iris = await slow.withWaitStrategy(wait).withStartupTimeout(2_000).start();
    expect((await iris.exec(["true"])).exitCode).toBe(0);
  });

  test.runIf(isStandin)("does not wait for a web server that was not requested", async () => {
    const bench = await ContainerBench.create();
    const container = (project: string) =>
      bench
        .iris(bench.project(project))
        .withEnvironment({ IRIS_STANDIN_WEB: "no" })
        .withWaitStrategy(Wait.forListeningPorts());
    await using iris = await container("without").withStartupTimeout(20_000).start();
    expect(iris.getWebPort()).toBeGreaterThan(0);
    // By a restart, too.
    await iris.restart();
    const asked = container("with").withExposedPorts(52773).withStartupTimeout(1_000);
    await expect(asked.start()).rejects.toThrow(/52773/);
  });
});

describe("C9 the address", () => {
  test("localhost is the loopback address", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().withBindAddress("localhost").start();
    expect(await docker("port", iris.getId(), "1972/tcp")).toBe(`127.0.0.1:${iris.getPort()}`);
  });

  test("of a family in which Testcontainers finds no ports is refused by name", async () => {
    const bench = await ContainerBench.create();
    const { hostIps } = (await getContainerRuntimeClient()).info.containerRuntime;
    const addresses = { 4: "127.0.0.1", 6: "::1" };
    for (const family of [4, 6] as const) {
      if (hostIps.some((ip) => ip.family === family)) continue;
      const error = await bench.iris().withBindAddress(addresses[family]).start().then(String, String);
      expect(error).toContain(`withBindAddress("${addresses[family]}")`);
    }
    await bench.expectNothingLeft();
  });

  test("is the requested one", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().withBindAddress("127.0.0.2").start();
    expect(await docker("port", iris.getId(), "1972/tcp")).toBe(`127.0.0.2:${iris.getPort()}`);
    expect(iris.getHost()).toBe("127.0.0.2");
    await expect(bench.iris().withBindAddress("0.0.0.0").start()).rejects.toThrow(/bind address/);
    await using joined = await bench.iris().start();
    expect(joined.getHost()).toBe("127.0.0.2");
  });
});

describe("C12 the web port", () => {
  test("is a random one of the loopback address by default", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().start();
    expect(await docker("port", iris.getId(), "52773/tcp")).toBe(`127.0.0.1:${iris.getWebPort()}`);
    expect(iris.getAssignment()?.webPort).toBeUndefined();
    if (!isStandin) return;
    expect(await (await fetch(`http://127.0.0.1:${iris.getWebPort()}/`)).text()).toContain("iris-standin");
  });

  test("is known after restart() by the user that called it, and by later starts", async () => {
    const bench = await ContainerBench.create();
    await using other = await bench.iris().start();
    await using iris = await bench.iris().start();
    await iris.restart();
    expect(await docker("port", iris.getId(), "52773/tcp")).toBe(`127.0.0.1:${iris.getWebPort()}`);
    await using joined = await bench.iris().start();
    expect(joined.getWebPort()).toBe(iris.getWebPort());
    expect([other.getPort(), joined.getPort()]).toEqual([iris.getPort(), iris.getPort()]);
  });

  test("is the one that the user chose", async () => {
    const bench = await ContainerBench.create();
    const [webPort] = await freePorts(1);
    await using iris = await bench.iris().withExposedPorts({ container: 52773, host: webPort }).start();
    expect(iris.getWebPort()).toBe(webPort);
    const published = (await docker("port", iris.getId(), "52773/tcp")).split("\n");
    expect(published).toEqual(await privateBindings(webPort));
  });

  test("is the registry's with withWebPort(), in the same assignment", async () => {
    const bench = await ContainerBench.create(await webPortRange(3));
    await using iris = await bench.iris().withWebPort().start();
    const webPort = 52773 + (iris.getPort() - 1972);
    expect(iris.getWebPort()).toBe(webPort);
    expect(await bench.registry().getAssignment(bench.project())).toMatchObject({ port: iris.getPort(), webPort });
    await using joined = await bench.iris().withWebPort().start();
    expect(joined.getWebPort()).toBe(webPort);
    await joined.restart();
    expect([joined.getWebPort(), iris.getWebPort()]).toEqual([webPort, webPort]);
    expect(await docker("port", iris.getId(), "52773/tcp")).toContain(`127.0.0.1:${webPort}`);
    await using other = await bench.iris(bench.project("other")).start();
    await expect(bench.iris(bench.project("other")).withWebPort().start()).rejects.toThrow(ContainerMismatchError);
    expect(other.getPort()).not.toBe(iris.getPort());
  });
});
