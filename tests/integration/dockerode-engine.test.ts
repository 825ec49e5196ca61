import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ensureEchoStandin } from "../../scripts/build-standin.ts";
import { DockerCommandEngine } from "../../src/docker/docker-command-engine.ts";
import { DockerodeEngine } from "../../src/docker/dockerode-engine.ts";
import { resolveEngineAddress } from "../../src/docker/engine-address.ts";
import { RelayState } from "../helpers/engine-relay.ts";
import { freePorts } from "../helpers/free-ports.ts";

describe("DockerodeEngine on a real engine", () => {
  let image: string;
  const created: string[] = [];

  beforeAll(async () => {
    image = await ensureEchoStandin();
  });
  afterEach(() => {
    for (const name of created.splice(0)) docker("rm", "--force", "--volumes", name);
  });

  function create(command: "run" | "create", ...args: string[]): string {
    const name = `iris-ports-test-${randomUUID()}`;
    created.push(name);
    const how = command === "run" ? ["run", "--detach"] : ["create"];
    docker(...how, "--name", name, "--entrypoint", "/bin/sleep", ...args, image, "600");
    return name;
  }

  it("sees the port of a container that was created and never started", async () => {
    const [port] = await freePorts(1);
    const name = create("create", "--publish", `${port}:1972`, "--label", "io.iris-ports.project=/shop");
    const containers = await new DockerodeEngine().listContainers();
    expect(containers.find((container) => container.name === name)).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      name,
      image,
      state: "created",
      labels: expect.objectContaining({ "io.iris-ports.project": "/shop" }),
      hostPorts: [port],
    });
  });

  it("sees the port of a running, a stopped and a paused container", async () => {
    const engine = new DockerodeEngine();
    const [port] = await freePorts(1);
    const name = create("run", "--publish", `127.0.0.1:${port}:1972`);
    const seen = async () => (await engine.listContainers()).find((container) => container.name === name);
    expect(await seen()).toMatchObject({ state: "running", hostPorts: [port] });
    docker("pause", name);
    expect(await seen()).toMatchObject({ state: "paused", hostPorts: [port] });
    docker("unpause", name);
    docker("kill", name);
    docker("wait", name);
    expect(await seen()).toMatchObject({ state: "exited", hostPorts: [port] });
  });

  it.each([
    ["dockerode", new DockerodeEngine()],
    ["docker", new DockerCommandEngine({ labels: [] })],
  ])(
    "sees the port that a running container takes back when it is connected to its network again: %s",
    async (_, engine) => {
      const [port] = await freePorts(1);
      const name = create("run", "--publish", `127.0.0.1:${port}:1972`);
      docker("network", "disconnect", "bridge", name);
      // An engine that is busy with other tests may not answer in time.
      await vi.waitFor(
        async () => {
          const seen = (await engine.listContainers()).find((container) => container.name === name);
          expect(seen).toMatchObject({ state: "running", hostPorts: [port] });
        },
        { timeout: 60_000 },
      );
    },
  );

  it("reads an answer that came in time, although this process was too busy to read it then", async () => {
    const directory = mkdtempSync(join(tmpdir(), "iris-ports-"));
    const socketPath = join(directory, "engine.sock");
    const state = new Int32Array(new SharedArrayBuffer(4));
    const relay = new Worker(new URL("../helpers/engine-relay.ts", import.meta.url), {
      workerData: { socketPath, state },
    });
    await once(relay, "message");
    const timeoutMs = 3_000;
    const asked = once(relay, "message");
    const engine = new DockerodeEngine({ dockerHost: `unix://${socketPath}`, timeoutMs });
    const answer = engine.startedAt("no-such-container");
    await asked;
    Atomics.store(state, 0, RelayState.isReaderBusy);
    Atomics.notify(state, 0);
    Atomics.wait(state, 0, RelayState.isReaderBusy);
    Atomics.wait(state, 0, RelayState.isAnswered, timeoutMs);
    expect(await answer).toBeUndefined();
    await relay.terminate();
    rmSync(directory, { recursive: true });
  });

  it("returns a random port only while it is published", async () => {
    const engine = new DockerodeEngine();
    // On one address: where the engine serves IPv4 and IPv6, it may choose a number for each.
    const name = create("create", "--publish", "127.0.0.1::1972");
    const ports = async () => (await engine.listContainers()).find((container) => container.name === name)?.hostPorts;
    expect(await ports()).toEqual([]);
    docker("start", name);
    expect(await ports()).toEqual([expect.any(Number)]);
  });

  it("removes a running container with its anonymous volumes, and ignores one that is gone", async () => {
    const engine = new DockerodeEngine();
    const name = create("run", "--volume", "/data");
    const volume = docker("inspect", "--format", "{{(index .Mounts 0).Name}}", name);
    const { id } = (await engine.listContainers()).find((container) => container.name === name) ?? { id: "" };
    await engine.removeContainer(id);
    await engine.removeContainer(id);
    expect((await engine.listContainers()).map((container) => container.name)).not.toContain(name);
    expect(docker("volume", "ls", "--quiet")).not.toContain(volume);
  });

  it("returns when a container was started: another time after a restart, none if it does not run", async () => {
    const engine = new DockerodeEngine();
    const name = create("run");
    const id = docker("inspect", "--format", "{{.Id}}", name);
    const first = await engine.startedAt(id);
    expect(first).toBe(docker("inspect", "--format", "{{.State.StartedAt}}", name));
    docker("restart", "--time", "0", name);
    expect(await engine.startedAt(id)).not.toBe(first);
    docker("kill", name);
    docker("wait", name);
    expect(await engine.startedAt(id)).toBeUndefined();
    docker("rm", name);
    expect(await engine.startedAt(id)).toBeUndefined();
  });

  it("permits simultaneous removals of one container", async () => {
    const name = create("run");
    const id = docker("inspect", "--format", "{{.Id}}", name);
    const engine = new DockerodeEngine();
    await Promise.all([1, 2, 3, 4].map(() => engine.removeContainer(id)));
    expect((await engine.listContainers()).map((container) => container.name)).not.toContain(name);
  });

  it("does not keep the process alive", () => {
    const script = `
      import { DockerodeEngine } from ${JSON.stringify(new URL("../../src/docker/dockerode-engine.ts", import.meta.url).href)};
      // These are opened when they are first used.
      for (const output of [process.stdout, process.stderr]) output.write("");
      const resources = () => process.getActiveResourcesInfo().sort().join();
      const before = resources();
      await new DockerodeEngine().listContainers();
      // What the request itself needed may still be closing.
      for (let turn = 0; turn < 1_000 && resources() !== before; turn++) await new Promise((next) => setTimeout(next, 1));
      console.log(JSON.stringify([before, resources()]));`;
    const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
    const [before, after] = JSON.parse(output);
    expect(after).toBe(before);
  });
});

describe.skipIf(process.platform === "win32")("DockerodeEngine on an engine that misbehaves", () => {
  let directory: string;
  let server: Server | undefined;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "iris-ports-engine-"));
  });
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function serve(listener: RequestListener, timeoutMs = 5_000): Promise<DockerodeEngine> {
    const socketPath = join(directory, `${randomUUID().slice(0, 8)}.sock`);
    server = createServer(listener).listen(socketPath);
    await new Promise((resolve) => server?.once("listening", resolve));
    return new DockerodeEngine({ dockerHost: `unix://${socketPath}`, timeoutMs });
  }

  const engineError = (words: RegExp) =>
    expect.objectContaining({ code: "CONTAINER_ENGINE", message: expect.stringMatching(words) });

  it("gives up after the time-out if it accepts and never answers", async () => {
    const engine = await serve(() => {}, 300);
    await expect(engine.listContainers()).rejects.toEqual(engineError(/did not answer within 0\.3 s/));
  });

  it.each(["the head only", '[{"Id":"ab'])(
    "gives up after the time-out where its answer stops half way: %s",
    async (part) => {
      const engine = await serve((_, response) => {
        response.writeHead(200, { "content-length": 1_000 });
        response.write(part);
      }, 300);
      await expect(engine.listContainers()).rejects.toEqual(engineError(/did not answer within/));
    },
  );

  it("gives up if the answer is cut off", async () => {
    const engine = await serve((_, response) => {
      response.writeHead(200, { "content-length": 1_000 });
      response.write("[", () => response.destroy());
    }, 300);
    await expect(engine.listContainers()).rejects.toEqual(engineError(/did not answer/));
  });

  it.each([
    "",
    "<html>proxy</html>",
    "{}",
    "null",
    "[null]",
    "[1]",
    '[{"Id":"../../x","State":"created"}]',
    '[{"Id":"ab"}]',
  ])("says so where it answers %s", async (answer) => {
    const engine = await serve((_, response) => response.end(answer));
    await expect(engine.listContainers()).rejects.toEqual(engineError(/sent an unexpected response/));
  });

  it("reports a listener that does not speak HTTP", async () => {
    const socketPath = join(directory, "tcp.sock");
    const listener = createTcpServer((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n")).listen(socketPath);
    await new Promise((resolve) => listener.once("listening", resolve));
    const engine = new DockerodeEngine({ dockerHost: `unix://${socketPath}` });
    await expect(engine.listContainers()).rejects.toEqual(engineError(/sent an unexpected response/));
    listener.close();
  });

  it("reports that nothing listens, and finds the engine once it is there", async () => {
    const socketPath = join(directory, "late.sock");
    const engine = new DockerodeEngine({ dockerHost: `unix://${socketPath}` });
    await expect(engine.listContainers()).rejects.toEqual(
      engineError(/No container engine answers[\s\S]*To fix: start it/),
    );
    server = createServer((_, response) => response.end("[]")).listen(socketPath);
    await new Promise((resolve) => server?.once("listening", resolve));
    expect(await engine.listContainers()).toEqual([]);
  });

  it("passes the engine's own words on", async () => {
    const engine = await serve((_, response) => {
      response.writeHead(500, { "content-type": "application/json" }).end('{"message":"the disk is on fire"}');
    });
    await expect(engine.listContainers()).rejects.toEqual(engineError(/refused[\s\S]*the disk is on fire/));
    await expect(engine.removeContainer("ab")).rejects.toEqual(engineError(/refused[\s\S]*the disk is on fire/));
  });

  it.each([
    ["Docker", 404, "No such container: aa"],
    ["podman", 500, "container aa does not exist in database: no such container"],
  ])("skips a container that vanishes between the list and the inspection: %s", async (_, status, message) => {
    const engine = await serve((request, response) => {
      if (request.url?.startsWith("/containers/json")) {
        response.end(
          '[{"Id":"aa","State":"created","Names":["/gone"]},{"Id":"bb","State":"running","Names":["/here"]}]',
        );
      } else {
        response.writeHead(status).end(JSON.stringify({ message }));
      }
    });
    expect(await engine.listContainers()).toMatchObject([{ name: "here" }]);
  });

  it("inspects each stopped container once, at most eight at a time", async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `c${index}`);
    let inspections = 0;
    let underWay = 0;
    let most = 0;
    const engine = await serve((request, response) => {
      if (request.url?.startsWith("/containers/json")) {
        response.end(JSON.stringify(ids.map((Id) => ({ Id, State: "exited" }))));
        return;
      }
      inspections += 1;
      most = Math.max(most, ++underWay);
      setImmediate(() => {
        underWay -= 1;
        response.end('{"HostConfig":{"PortBindings":{"1972/tcp":[{"HostPort":"21972"}]}}}');
      });
    });
    for (const _ of [1, 2, 3]) expect(await engine.listContainers()).toHaveLength(40);
    expect(inspections).toBe(40);
    expect(most).toBeLessThanOrEqual(8);
  });

  it("asks once more if a kept connection was closed meanwhile", async () => {
    let requests = 0;
    const engine = await serve((request, response) => {
      requests += 1;
      if (requests === 2) request.socket.destroy();
      else response.end("[]");
    });
    await engine.listContainers();
    expect(await engine.listContainers()).toEqual([]);
    expect(requests).toBe(3);
  });

  it("keeps one connection for successive requests", async () => {
    const sockets = new Set<unknown>();
    const engine = await serve((request, response) => {
      sockets.add(request.socket);
      response.end("[]");
    });
    for (const _ of [1, 2, 3, 4, 5]) await engine.listContainers();
    expect(sockets.size).toBe(1);
  });

  it.each(["127.0.0.1", "::1"])("is reached over TCP on %s, whatever DOCKER_HOST says", async (host) => {
    const paths: unknown[] = [];
    server = createServer((request, response) => {
      paths.push(request.url);
      response.end("[]");
    }).listen(0, host);
    await new Promise((resolve) => server?.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    vi.stubEnv("DOCKER_HOST", "tcp://192.0.2.1:2376");
    const dockerHost = `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`;
    expect(await new DockerodeEngine({ dockerHost }).listContainers()).toEqual([]);
    vi.unstubAllEnvs();
    expect(paths).toEqual(["/containers/json?all=true"]);
  });

  it("is told from another engine of the machine, which may have the same ID, by where it keeps its containers", async () => {
    let DockerRootDir = "/var/lib/docker";
    server = createServer((_, response) => response.end(JSON.stringify({ ID: "THE:ID", DockerRootDir }))).listen(0);
    const engine = new DockerodeEngine({ dockerHost: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` });
    expect(await engine.identify()).toBe("THE:ID");
    DockerRootDir = "/mnt/docker";
    expect(await engine.identify()).toBe("THE:ID:/mnt/docker");
  });

  describe.each([
    ["dockerode", (dockerHost: string) => new DockerodeEngine({ dockerHost })],
    [
      "docker",
      (dockerHost: string) => new DockerCommandEngine({ labels: [], address: resolveEngineAddress(dockerHost) }),
    ],
  ])(
    "is asked for its ID again by one and the same process, once another one has started in its place: %s",
    (name, open) => {
      it("which its files show", async () => {
        const place = join(directory, name);
        mkdirSync(place);
        const socketPath = join(place, "docker.sock");
        const start = async (id: string) => {
          if (existsSync(join(place, "docker.pid"))) renameSync(join(place, "docker.pid"), join(place, "former"));
          writeFileSync(join(place, "docker.pid"), "");
          server = createServer((_, response) => response.end(JSON.stringify({ ID: id }))).listen(socketPath);
          await new Promise((resolve) => server?.once("listening", resolve));
        };
        await start("first");
        const engine = open(`unix://${socketPath}`);
        expect(await engine.identify()).toBe("first");
        server?.closeAllConnections();
        await new Promise((resolve) => server?.close(resolve));
        await start("second");
        expect(await engine.identify()).toBe("second");
      });

      it.each(["tcp", "unix"])("which does not show at %s", async (scheme) => {
        let id = "first";
        const place = scheme === "tcp" ? 0 : join(directory, `${name}.sock`);
        server = createServer((_, response) => response.end(JSON.stringify({ ID: id }))).listen(place);
        await new Promise((resolve) => server?.once("listening", resolve));
        const address = server.address() as AddressInfo | string;
        const engine = open(typeof address === "string" ? `unix://${address}` : `tcp://127.0.0.1:${address.port}`);
        expect(await engine.identify()).toBe("first");
        id = "second";
        expect(await engine.identify()).toBe("second");
      });
    },
  );

  it("tells a container's own name from the names of other containers' links", async () => {
    const row = { Id: "ab", State: "running", Names: ["/web/db", "/shop"], Ports: [] };
    const engine = await serve((_, response) => response.end(JSON.stringify([row])));
    expect(await engine.listContainers()).toMatchObject([{ name: "shop" }]);
  });

  it.each([
    ["Docker", 409, "removal of container ab is already in progress", 404, "No such container: ab"],
    [
      "podman",
      500,
      "cannot remove container ab as it could not be stopped: sending SIGKILL to container ab: container state improper: stopped",
      404,
      'no container with name or ID "ab" found: no such container',
    ],
    [
      "podman, just before it is gone",
      500,
      "container ab must be in Created or Stopped state to be started: container state improper",
      500,
      "container ab does not exist in database: no such container",
    ],
  ])("waits for a removal that is already in progress: %s", async (_, status, message, goneStatus, goneMessage) => {
    let removals = 0;
    const engine = await serve((_request, response) => {
      removals += 1;
      if (removals < 3) response.writeHead(status).end(JSON.stringify({ message }));
      else response.writeHead(goneStatus).end(JSON.stringify({ message: goneMessage }));
    });
    await engine.removeContainer("ab");
    expect(removals).toBe(3);
  });

  it("passes a refusal to remove on, whatever its status", async () => {
    const message = "container ab has dependent containers which must be removed before it: container already exists";
    const engine = await serve((_, response) => response.writeHead(500).end(JSON.stringify({ message })));
    await expect(engine.removeContainer("ab")).rejects.toThrow(message);
  });

  it.each([
    ["dockerode", (dockerHost: string) => new DockerodeEngine({ dockerHost })],
    [
      "docker",
      (dockerHost: string) => new DockerCommandEngine({ labels: [], address: resolveEngineAddress(dockerHost) }),
    ],
  ])("lists podman's containers in Docker's states: %s", async (_, open) => {
    const states = ["initialized", "stopped", "stopping", "running"];
    server = createServer((request, response) => {
      const [, id] = /\/containers\/(\w+)\/json\?*$/.exec(request.url ?? "") ?? [];
      const State = { Status: id };
      const found = { Id: id, Name: `/${id}`, State, Config: {}, HostConfig: {}, NetworkSettings: {} };
      const rows = states.map((state) => ({ Id: state, Names: [`/${state}`], State: state, Ports: [] }));
      response.end(JSON.stringify(id === undefined ? rows : found));
    }).listen(0);
    const engine = open(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const listed = await engine.listContainers();
    expect(listed.map(({ name, state }) => [name, state])).toEqual([
      ["initialized", "created"],
      ["stopped", "exited"],
      ["stopping", "stopping"],
      ["running", "running"],
    ]);
  });
});

function docker(...args: string[]): string {
  return execFileSync("docker", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}
