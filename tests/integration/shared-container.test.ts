import fs from "node:fs";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { Network, type PortWithOptionalBinding, PullPolicy } from "testcontainers";
import { describe, expect, test } from "vitest";
import { ensureEchoStandin } from "../../scripts/build-standin.ts";
import {
  ContainerMismatchError,
  IrisRegistryContainer,
  jobHolder,
  LABEL_LIFETIME,
  PortConflictError,
} from "../../src/index.ts";
import { ContainerBench, isStandin } from "../helpers/container-bench.ts";
import { askIdentity, docker, dockerCli, eventually } from "../helpers/engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { listenOn } from "../helpers/listener.ts";

const isRunning = async (id: string) =>
  (await dockerCli(["inspect", "--format", "{{.State.Running}}", id])).stdout.trim() === "true";

describe("C5 starts of one project", () => {
  test("in several processes at the same time share one container, which the last one removes", async () => {
    const bench = await ContainerBench.create();
    const children = Array.from({ length: 4 }, () => bench.child());
    const reports = await Promise.all(children.map((child) => child.started()));
    expect(reports.map(({ error }) => error)).toEqual(reports.map(() => undefined));
    expect(new Set(reports.map(({ id }) => id)).size).toBe(1);
    expect(new Set(reports.map(({ port }) => port))).toEqual(new Set([bench.range[0]]));
    expect(await bench.containers()).toHaveLength(1);
    const [first, ...others] = children;
    await first?.stop();
    expect(await isRunning(reports[0]?.id ?? "")).toBe(true);
    await Promise.all(others.map((child) => child.stop()));
    await bench.expectNothingLeft();
  });

  test("join the container of a live process even if the registry's document was lost", async () => {
    const bench = await ContainerBench.create();
    const maker = bench.child();
    const { id, port } = await maker.started();
    fs.rmSync(bench.registryPath);
    const joiner = await bench.iris().start();
    expect([joiner.getId(), joiner.getPort()]).toEqual([id, port]);
    await maker.stop();
    expect(await isRunning(id)).toBe(true);
    await joiner.stop();
    await bench.expectNothingLeft();
  });

  test("wait for a container that is slow to get ready, and do not make a second one", async () => {
    const bench = await ContainerBench.create();
    const environment = isStandin ? { IRIS_STANDIN_START_MS: "1500" } : {};
    const children = [bench.child({ environment }), bench.child({ environment })];
    const reports = await Promise.all(children.map((child) => child.started()));
    expect(new Set(reports.map(({ id }) => id)).size).toBe(1);
    await Promise.all(children.map((child) => child.stop()));
    await bench.expectNothingLeft();
  });

  test("of two projects at the same time get two ports and two containers", async () => {
    const bench = await ContainerBench.create();
    const environment = (identity: string) => (isStandin ? { IRIS_STANDIN_IDENTITY: identity } : {});
    const red = bench.child({ project: bench.project("red"), environment: environment("red") });
    const blue = bench.child({ project: bench.project("blue"), environment: environment("blue") });
    const [one, two] = await Promise.all([red.started(), blue.started()]);
    expect(one.port).not.toBe(two.port);
    if (isStandin) {
      expect(await askIdentity("127.0.0.1", one.port)).toBe(`iris-standin ${one.id.slice(0, 12)} red`);
      expect(await askIdentity("127.0.0.1", two.port)).toBe(`iris-standin ${two.id.slice(0, 12)} blue`);
    }
    await Promise.all([red.stop(), blue.stop()]);
    await bench.expectNothingLeft();
  });

  test("with another image are refused before it is pulled, but not because of a dead process's container", async () => {
    const bench = await ContainerBench.create();
    const maker = bench.child();
    await maker.started();
    const other = () =>
      new IrisRegistryContainer("127.0.0.1:9/no-such-image:never")
        .withRegistry(bench.registry())
        .withProject(bench.project());
    await expect(other().start()).rejects.toThrow(ContainerMismatchError);
    await expect(other().withPullPolicy(PullPolicy.alwaysPull()).start()).rejects.toThrow("could not be pulled");
    await maker.kill("SIGKILL");
    await expect(other().start()).rejects.toThrow("could not be pulled");
  });

  test("with another image or other credentials are refused, naming the difference, and change nothing", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().withUsername("alice").withPassword("secret").start();
    const refused = (container: { start(): Promise<unknown> }) =>
      expect(container.start()).rejects.toThrow(ContainerMismatchError);
    await refused(bench.iris().withUsername("alice").withPassword("other"));
    await refused(bench.iris().withUsername("bob").withPassword("secret"));
    await refused(bench.iris().withEnvironment({ TZ: "UTC" }));
    await docker("tag", bench.image, "iris-ports/same-image:test");
    await using same = await new IrisRegistryContainer("iris-ports/same-image:test")
      .withRegistry(bench.registry())
      .withProject(bench.project())
      .start();
    await docker("rmi", "iris-ports/same-image:test");
    expect(same.getId()).toBe(iris.getId());
    await using equal = await bench.iris().withUsername("ALICE").withPassword("secret").start();
    expect(equal.getId()).toBe(iris.getId());
    expect((await bench.registry().inspect(bench.project()))?.holders).toHaveLength(3);
  });

  test("with another image get an error that names it and withInstance()", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().start();
    const other = new IrisRegistryContainer(await ensureEchoStandin()).withRegistry(bench.registry());
    const error = await other.withProject(bench.project()).start().then(String, String);
    expect(error).toContain("ContainerMismatchError");
    expect(error).toContain("withInstance(name)");
    expect(error).toContain("echo-standin");
    await using beside = await bench.iris().withInstance("beside").start();
    expect(beside.getId()).not.toBe(iris.getId());
    expect(beside.getPort()).not.toBe(iris.getPort());
  });

  test("are refused when they ask for a port or a network alias that the container does not have", async () => {
    const bench = await ContainerBench.create();
    await using network = await new Network().start();
    const [hostPort] = await freePorts(1);
    const start = (ports: PortWithOptionalBinding[], ...aliases: string[]) =>
      bench
        .iris()
        .withNetwork(network)
        .withNetworkAliases(...aliases)
        .withExposedPorts(...ports)
        .start();
    await using iris = await start([2188, { container: 53773, host: hostPort }], "one", "two");
    await using joined = await start([{ container: 53773, host: hostPort }, 1972], "two");
    expect(joined.getId()).toBe(iris.getId());
    expect(joined.getMappedPort(53773)).toBe(hostPort);
    const refused = async (started: Promise<unknown>, words: RegExp) => {
      const error = await started.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ContainerMismatchError);
      expect(String(error)).toMatch(words);
    };
    await refused(start([54773]), /it does not publish 54773\/tcp/);
    await refused(start([{ container: 2188, host: hostPort }]), new RegExp(`publish 2188/tcp on ${hostPort}`));
    await refused(start(["2188/udp"]), /it does not publish 2188\/udp/);
    await refused(start([], "two", "three"), /it is not known as three/);
  });

  test("that join a container read its log as well, until they leave", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().start();
    const started = Promise.withResolvers<Readable>();
    const consumer = (log: Readable) => {
      log.on("data", (text: string) => text.includes("...started InterSystems IRIS") && started.resolve(log));
    };
    const joined = await bench.iris().withLogConsumer(consumer).start();
    expect(joined.getId()).toBe(iris.getId());
    const log = await started.promise;
    await joined.stop();
    expect(log.destroyed).toBe(true);
  });

  test("fail a call that still runs when they leave, and others go on", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().start();
    const joined = await bench.iris().start();
    const failed = expect(joined.exec(["sleep", "1234"])).rejects.toThrow(/connection to the engine was closed/);
    await eventually(async () => (await iris.exec(["ps"])).output.includes("sleep 1234") || undefined);
    await joined.stop();
    await failed;
    expect(await iris.runSql("SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  test("are told to unpause a container that is paused, and change nothing", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().start();
    await docker("pause", iris.getId());
    try {
      const error = await bench.iris().start().then(String, String);
      expect(error).toContain(`docker unpause ${iris.getAssignment()?.containerName}`);
    } finally {
      await docker("unpause", iris.getId());
    }
    await using joined = await bench.iris().start();
    expect(joined.getId()).toBe(iris.getId());
  });

  test("that joined outlive the process that made the container", async () => {
    const bench = await ContainerBench.create();
    const maker = bench.child();
    const { id, port } = await maker.started();
    await using joined = await bench.iris().start();
    expect(joined.getId()).toBe(id);
    await maker.kill("SIGKILL");
    expect(await isRunning(id)).toBe(true);
    await using third = await bench.iris().start();
    expect([third.getId(), third.getPort()]).toEqual([id, port]);
  });

  test("that find the container ended make another one on its port for all", async () => {
    const bench = await ContainerBench.create();
    const first = await bench.iris().start();
    await docker("stop", first.getId());
    const second = await bench.iris().start();
    expect([second.getId(), second.getPort()]).toEqual([expect.not.stringContaining(first.getId()), first.getPort()]);
    expect(await bench.containers()).toHaveLength(1);
    // The last to leave does not know the container that is there now.
    await second.stop();
    await first.stop();
    await bench.expectNothingLeft();
  });
});

describe("C10 what a process leaves behind", () => {
  test.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
    "when %s ends it is reclaimed by the next start, on the same port",
    async (signal) => {
      const bench = await ContainerBench.create();
      const killed = bench.child();
      const { id, port } = await killed.started();
      await killed.kill(signal);
      await using next = await bench.iris().start();
      expect(next.getPort()).toBe(port);
      expect(next.getId()).not.toBe(id);
      expect(await bench.containers()).toHaveLength(1);
    },
  );

  test("in the middle of a start is reclaimed as well", async () => {
    const bench = await ContainerBench.create();
    for (const afterMs of [120, 200, 300, 400, 500]) {
      const child = bench.child();
      await delay(afterMs);
      await child.kill("SIGKILL");
    }
    await using iris = await bench.iris().start();
    expect(iris.getPort()).toBe(bench.range[0]);
    expect(await bench.containers()).toHaveLength(1);
    await iris.stop();
    await bench.expectNothingLeft();
  });

  test("is reclaimed by another project that finds no free port", async () => {
    const bench = await ContainerBench.create(1);
    const killed = bench.child();
    const { port } = await killed.started();
    await killed.kill("SIGKILL");
    await using other = await bench.iris(bench.project("other")).start();
    expect(other.getPort()).toBe(port);
    expect(await bench.containers()).toHaveLength(1);
  });
});

describe("C6 withReuse()", () => {
  test("lets the container outlive its process, and the next one finds it on the same port", async () => {
    const bench = await ContainerBench.create();
    const first = bench.child({ isReused: true, isLeftRunning: true });
    const { id, port } = await first.started();
    await first.program.output();
    expect(await isRunning(id)).toBe(true);
    expect(await bench.registry().cleanupStale()).toEqual([]);
    expect(await bench.registry().inspect(bench.project())).toMatchObject({ port, status: "active", holders: [] });
    const second = bench.child({ isReused: true, isLeftRunning: true });
    expect(await second.started()).toEqual({ id, port });
    await second.program.output();
    const { [LABEL_LIFETIME]: lifetime, ...labels } = JSON.parse(
      await docker("inspect", "--format", "{{json .Config.Labels}}", id),
    );
    expect(lifetime).toBe("kept");
    expect(Object.keys(labels)).not.toContain("org.testcontainers.session-id");
  });

  test("is undone by stop() of its last user, but not by a user without withReuse()", async () => {
    const bench = await ContainerBench.create();
    const first = bench.child({ isReused: true, isLeftRunning: true });
    const { id } = await first.started();
    const guest = await bench.iris().start();
    expect(guest.getId()).toBe(id);
    await guest.stop();
    expect(await isRunning(id)).toBe(true);
    expect(await bench.registry().inspect(bench.project())).toMatchObject({ status: "active", holders: [] });
    const owner = await bench.iris().withReuse().start();
    expect(owner.getId()).toBe(id);
    await owner.stop();
    await bench.expectNothingLeft();
  });

  test("finds a container that ended meanwhile, and starts it again", async () => {
    const bench = await ContainerBench.create();
    const first = bench.child({ isReused: true, isLeftRunning: true });
    const { id } = await first.started();
    await docker("stop", id);
    await using again = await bench.iris().withReuse().start();
    expect(again.getId()).toBe(id);
  });

  test.runIf(isStandin)("judges a restarted container by its new log", async () => {
    const bench = await ContainerBench.create();
    const once = "[ -e /once ] || { touch /once; (sleep 1; echo '[FATAL] once'; kill 1) & }; exec /tini -- /iris-main";
    const start = () => bench.iris().withEntrypoint(["sh", "-c", once]).withReuse().start();
    const first = await start();
    expect(await docker("wait", first.getId())).toBe("0");
    await using again = await start();
    expect(again.getId()).toBe(first.getId());
    expect((await dockerCli(["logs", again.getId()])).stdout).toContain("[FATAL] once");
  });

  test("reports that the port of a kept container is taken, and keeps both", async () => {
    const bench = await ContainerBench.create();
    const first = bench.child({ isReused: true, isLeftRunning: true });
    const { id, port } = await first.started();
    await first.program.output();
    await docker("stop", id);
    const outsider = await listenOn(port, "127.0.0.1");
    await expect(bench.iris().withReuse().start()).rejects.toThrow(PortConflictError);
    await outsider.close();
    await using again = await bench.iris().withReuse().start();
    expect([again.getId(), again.getPort()]).toEqual([id, port]);
  });

  test("makes a new one when the kept one was removed", async () => {
    const bench = await ContainerBench.create();
    const first = bench.child({ isReused: true, isLeftRunning: true });
    const { id, port } = await first.started();
    await first.program.output();
    await docker("rm", "--force", id);
    await using again = await bench.iris().withReuse().start();
    expect(again.getId()).not.toBe(id);
    expect(again.getPort()).toBe(port);
  });
});

describe("restart() of a shared container", () => {
  test("lets the sessions of other users wait, once it has shut IRIS down", async () => {
    const bench = await ContainerBench.create();
    const environment = isStandin ? { IRIS_STANDIN_START_MS: "1500" } : {};
    await using restarter = await bench.iris().withEnvironment(environment).start();
    await using other = await bench.iris().start();
    let isOver = false;
    const startOf = () => docker("inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}", restarter.getId());
    const before = await startOf();
    const restarted = restarter.restart().finally(() => {
      isOver = true;
    });
    await eventually(async () => (await startOf()) !== before || undefined);
    while (!isOver) expect(await other.runSql("SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await restarted;
  });

  test.runIf(isStandin)("that fails leaves it to its users, also in the process that made it", async () => {
    const bench = await ContainerBench.create();
    const once = "[ ! -e /once ] || { echo '[FATAL] twice'; exit 1; }; touch /once; exec /tini -- /iris-main";
    const start = () => bench.iris().withEntrypoint(["sh", "-c", once]).start();
    const maker = await start();
    const joiner = await start();
    for (const user of [maker, joiner]) await expect(user.restart()).rejects.toThrow(/twice/);
    expect(await bench.containers()).toEqual([maker.getAssignment()?.containerName]);
    await maker.stop();
    await joiner.stop();
    await bench.expectNothingLeft();
  });
});

describe("C11 inside a job that has an assignment", () => {
  test("the container joins it by IRIS_PORTS_PROJECT and leaves it to the job", async () => {
    const bench = await ContainerBench.create();
    const registry = bench.registry();
    const workspace = bench.project("workspace");
    const holder = jobHolder({
      id: "job:1",
      expiresAt: new Date(Date.now() + 600_000),
      description: "test (latest-em)",
    });
    const assigned = await registry.assignPort(workspace, { instance: "latest-em", holder });
    const env = {
      IRIS_PORT_REGISTRY: bench.registryPath,
      IRIS_PORTS_PROJECT: workspace,
      IRIS_PORTS_INSTANCE: "latest-em",
    };
    const child = bench.child({ isProjectFromEnvironment: true }, env);
    expect(await child.started()).toMatchObject({ port: assigned.port });
    expect(await bench.containers()).toEqual([assigned.containerName]);
    await child.stop();
    expect(await bench.containers()).toEqual([]);
    const left = await registry.inspect(workspace, { instance: "latest-em" });
    expect(left?.holders.map(({ id }) => id)).toEqual(["job:1"]);
  });

  test("a container that the job has started is joined and left running", async () => {
    const bench = await ContainerBench.create();
    const registry = bench.registry();
    const holder = jobHolder({ id: "job:1", expiresAt: new Date(Date.now() + 600_000), usesContainer: true });
    const { assignment, generation } = await registry.acquire(bench.project(), { holder });
    const id = await docker(
      "run",
      "--detach",
      ...["--name", assignment.containerName, "--publish", `127.0.0.1:${assignment.port}:1972`],
      ...[
        "--label",
        `io.iris-ports.project=${assignment.projectPath}`,
        "--label",
        `io.iris-ports.generation=${generation}`,
      ],
      ...["--label", `io.iris-ports.registry=${bench.registryPath}`, "--label", "io.iris-ports.creator=job:1"],
      ...["--label", "io.iris-ports.lifetime=holders", bench.image],
    );
    // No image is asked for: the one that runs will do, and the default one is not pulled.
    const iris = await new IrisRegistryContainer().withRegistry(registry).withProject(bench.project()).start();
    expect(iris.getId()).toBe(id);
    expect(() => iris.getWebPort()).toThrow(ContainerMismatchError);
    await iris.stop();
    expect(await isRunning(id)).toBe(true);
  });
});
