import { GenericContainer, PullPolicy } from "testcontainers";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  ContainerStartError,
  IrisRegistryContainer,
  type PortAssignment,
  PortConflictError,
  PortExhaustedError,
  type PortProbe,
  type PortRegistry,
} from "../../src/index.ts";
import { bindProbe } from "../../src/registry/host/port-probe.ts";
import { ContainerBench, isStandin } from "../helpers/container-bench.ts";
import { docker, dockerCli } from "../helpers/engine.ts";
import { listenOn } from "../helpers/listener.ts";

/** A probe after whose first success, and so between assignment and start, an outsider takes the port. */
function probeBeforeOutsider(take: (port: number) => Promise<unknown>): PortProbe {
  let isTaken = false;
  return async (port) => {
    const isFree = await bindProbe(port);
    if (isFree && !isTaken) {
      isTaken = true;
      await take(port);
    }
    return isFree;
  };
}

/** A plain `docker run -p`. */
async function publish(image: string, port: number): Promise<string> {
  const id = await docker("run", "--detach", "--publish", `127.0.0.1:${port}:1972`, image);
  onTestFinished(async () => void (await dockerCli(["rm", "--force", id])));
  return id;
}

/** Says that it started, never lets a session in, and gives up a moment later. */
const DIES_AFTER_START = `/iris-main & until [ -d /var/lib/standin/web ]; do usleep 1000; done
  sleep 1; echo "[FATAL] The tale ends here"; exit 1`;

const failure = async (start: Promise<unknown>): Promise<ContainerStartError> => {
  const error = await start.then(
    () => new Error("it started"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ContainerStartError);
  return error as ContainerStartError;
};

describe("C3 another program takes the port between assignment and start", () => {
  const outsiders: [string, (bench: ContainerBench) => (port: number) => Promise<unknown>][] = [
    ["a listener on all addresses", () => (port) => listenOn(port)],
    ["a listener on the loopback address", () => (port) => listenOn(port, "127.0.0.1")],
    ["a plain `docker run -p`", (bench) => (port) => publish(bench.image, port)],
  ];

  test.each(outsiders)("%s: the next port is taken, and the half-made container is removed", async (_, outsider) => {
    const bench = await ContainerBench.create();
    const registry = bench.registry({ probe: probeBeforeOutsider(outsider(bench)) });
    await using iris = await bench.iris().withRegistry(registry).start();
    expect(iris.getPort()).toBe(bench.range[0] + 1);
    expect(await bench.containers()).toEqual([iris.getAssignment()?.containerName]);
    expect((await registry.listAll()).map(({ port }) => port)).toEqual([iris.getPort()]);
    await iris.stop();
    await bench.expectNothingLeft();
  });

  test.each(outsiders)(
    "%s: a port that was asked for by number is a conflict, and nothing is left",
    async (_, outsider) => {
      const bench = await ContainerBench.create();
      const registry = bench.registry({ probe: probeBeforeOutsider(outsider(bench)) });
      const start = bench.iris().withRegistry(registry).withPort(bench.range[0]).start();
      const error = await start.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(PortConflictError);
      expect(String(error)).toContain(`Port ${bench.range[0]} is in use by`);
      await bench.expectNothingLeft();
    },
  );

  test("on every port of the range: the range is exhausted, and nothing is left", async () => {
    const bench = await ContainerBench.create(2);
    const probe: PortProbe = async (port) => {
      const isFree = await bindProbe(port);
      if (isFree) await listenOn(port);
      return isFree;
    };
    await expect(bench.iris().withRegistry(bench.registry({ probe })).start()).rejects.toThrow(PortExhaustedError);
    await bench.expectNothingLeft();
  });

  test("two starts of the project move together", async () => {
    const bench = await ContainerBench.create();
    const registry = bench.registry({ probe: probeBeforeOutsider((port) => listenOn(port)) });
    const start = () => bench.iris().withRegistry(registry).start();
    const [one, two] = await Promise.all([start(), start()]);
    expect(two.getId()).toBe(one.getId());
    expect([one.getPort(), two.getPort()]).toEqual([bench.range[0] + 1, bench.range[0] + 1]);
    await Promise.all([one.stop(), two.stop()]);
    await bench.expectNothingLeft();
  });

  test("another port that the user bound: moving our port would not help, and is not tried", async () => {
    const bench = await ContainerBench.create();
    const { port } = await listenOn(0);
    const iris = bench.iris().withExposedPorts({ container: 53773, host: port });
    expect((await failure(iris.start())).message).toContain(String(port));
    await bench.expectNothingLeft();
  });
});

describe("a container of another program with the project's name", () => {
  async function named(bench: ContainerBench, assignment: PortAssignment | undefined, registry: PortRegistry) {
    await registry.releasePort(bench.project());
    const id = await docker("create", "--name", assignment?.containerName ?? "", bench.image);
    onTestFinished(async () => void (await dockerCli(["rm", "--force", id])));
  }

  test("is left alone: the project gets another port and name", async () => {
    const bench = await ContainerBench.create();
    const registry = bench.registry({ engine: false });
    await named(bench, await registry.assignPort(bench.project()), registry);
    await using iris = await bench.iris().start();
    expect(iris.getPort()).toBe(bench.range[0] + 1);
  });

  test("is an error that names it when the port was asked for by number", async () => {
    const bench = await ContainerBench.create();
    const registry = bench.registry({ engine: false });
    await named(bench, await registry.assignPort(bench.project()), registry);
    const start = bench.iris().withPort(bench.range[0]).start();
    await expect(start).rejects.toMatchObject({ code: "CONTAINER_MISMATCH" });
    await expect(start).rejects.toThrow(/docker rm --force iris_/);
    await bench.expectNothingLeft();
  });
});

describe("an image that is missing", () => {
  test("is reported as missing before anything is assigned", async () => {
    const bench = await ContainerBench.create();
    const container = new IrisRegistryContainer("iris-ports.invalid/none:1").withRegistry(bench.registry());
    const error = await failure(container.withProject(bench.project()).start());
    expect(error.message).toContain("docker pull iris-ports.invalid/none:1");
    expect(error.code).toBe("CONTAINER_START");
    await bench.expectNothingLeft();
  });

  test("is not pulled when the policy says never", async () => {
    const bench = await ContainerBench.create();
    const container = new IrisRegistryContainer("iris-ports.invalid/none:1").withPullPolicy(PullPolicy.neverPull());
    expect((await failure(container.withRegistry(bench.registry()).start())).message).toContain("never to pull");
    await bench.expectNothingLeft();
  });
});

describe.runIf(isStandin)("an IRIS that does not start", () => {
  const switched = (bench: ContainerBench, environment: Record<string, string>) =>
    bench.iris().withEnvironment(environment);

  test.each([
    ["license", /refuses its licence.*core limit/, /docker pull/],
    ["fatal", /IRIS failed to start/, /last lines of its log/],
  ])("fails at once with what to do (%s)", async (kind, what, remedy) => {
    const bench = await ContainerBench.create();
    const startedAt = performance.now();
    const error = await failure(switched(bench, { IRIS_STANDIN_DIE: kind }).start());
    // The start time-out is 180 s.
    expect(performance.now() - startedAt).toBeLessThan(90_000);
    expect(error.what).toMatch(what);
    expect(error.remedy).toMatch(remedy);
    expect(error.logTail).toContain("Starting InterSystems IRIS instance");
    await bench.expectNothingLeft();
  });

  test("fails at once when it dies after it said that it started", async () => {
    const bench = await ContainerBench.create();
    const environment = { IRIS_STANDIN_SIGNON_MS: "60000" };
    const dying = switched(bench, environment).withEntrypoint(["sh", "-c", DIES_AFTER_START]);
    const error = await failure(dying.start());
    expect(error.what).toMatch(/failed to start: "The tale ends here"/);
    await bench.expectNothingLeft();
  });

  test("that writes no log is not explained by its log", async () => {
    const bench = await ContainerBench.create();
    const start = bench.iris().withEntrypoint(["/bin/false"]).start();
    await expect(start).rejects.toThrow(
      /exited with code 1[\s\S]*It has no log\.\nTo fix: check the command and the entry point/,
    );
    await bench.expectNothingLeft();
  });

  test("fails with its state when the time-out ends", async () => {
    const bench = await ContainerBench.create();
    const slow = switched(bench, { IRIS_STANDIN_START_MS: "60000" }).withStartupTimeout(1_000);
    const error = await failure(slow.start());
    expect(error.what).toContain("was not ready within 1 s: its log does not say that it started");
    await bench.expectNothingLeft();
    const closed = switched(bench, { IRIS_STANDIN_SIGNON_MS: "60000" }).withStartupTimeout(1_000);
    expect((await failure(closed.start())).what).toContain("Sign-on inhibited");
    await bench.expectNothingLeft();
  });

  test.each([
    ["user", "ERROR #845: Password does not match length or pattern requirements"],
    ["namespace", "SQLCODE -400"],
  ])("fails in IRIS's own words when the %s is refused", async (step, words) => {
    const bench = await ContainerBench.create();
    const iris = switched(bench, { IRIS_STANDIN_REFUSE: step }).withUsername("alice").withPassword("secret");
    const error = await failure(iris.withNamespace("shop").start());
    expect(error.what).toContain(words);
    expect(error.message).not.toContain("secret");
    await bench.expectNothingLeft();
  });

  test("stays in use by its users when a newcomer is refused", async () => {
    const bench = await ContainerBench.create();
    await using iris = await switched(bench, { IRIS_STANDIN_REFUSE: "namespace" }).start();
    const newcomer = bench.iris().withNamespace("shop");
    expect((await failure(newcomer.start())).what).toContain("Creating the namespace");
    expect(await docker("inspect", "--format", "{{.State.Running}}", iris.getId())).toBe("true");
    expect((await bench.registry().inspect(bench.project()))?.holders).toHaveLength(1);
  });

  test("fails for all processes that wait for it, and nothing is left", async () => {
    const bench = await ContainerBench.create();
    const start = () => switched(bench, { IRIS_STANDIN_DIE: "fatal" }).start();
    const errors = await Promise.all([failure(start()), failure(start()), failure(start())]);
    expect(errors.map(({ what }) => what)).toEqual(errors.map(() => expect.stringContaining("IRIS failed to start")));
    await bench.expectNothingLeft();
  });
});

describe("a failure of the user's own code", () => {
  /** Connects to something of its own when the container is started. */
  class Migrating extends IrisRegistryContainer {
    protected override async containerStarted(): Promise<void> {
      throw Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:3306"), { code: "ECONNREFUSED" });
    }
  }

  test("is not reported as a failure of the engine, which answers", async () => {
    const bench = await ContainerBench.create();
    const migrating = new Migrating(bench.image).withRegistry(bench.registry()).withProject(bench.project());
    const error = await failure(migrating.start());
    expect(error.message).toContain("The reason: connect ECONNREFUSED 127.0.0.1:3306");
    await bench.expectNothingLeft();
  });
});

test("a plain GenericContainer beside it does not matter", async () => {
  const bench = await ContainerBench.create();
  await using plain = await new GenericContainer(bench.image).withExposedPorts(1972).start();
  await using iris = await bench.iris().start();
  await iris.stop();
  expect(await docker("inspect", "--format", "{{.State.Running}}", plain.getId())).toBe("true");
});
