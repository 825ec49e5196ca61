import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ensureEchoStandin } from "../../scripts/build-standin.ts";
import { DockerodeEngine } from "../../src/docker/dockerode-engine.ts";
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

  it("gives a random port only while it is published", async () => {
    const engine = new DockerodeEngine();
    // On one address: where the engine serves IPv4 and IPv6, it may choose a number for each.
    const name = create("create", "--publish", "127.0.0.1::1972");
    const ports = async () => (await engine.listContainers()).find((container) => container.name === name)?.hostPorts;
    expect(await ports()).toEqual([]);
    docker("start", name);
    expect(await ports()).toEqual([expect.any(Number)]);
  });

  it("removes a running container with its anonymous volumes, and does not mind one that is gone", async () => {
    const engine = new DockerodeEngine();
    const name = create("run", "--volume", "/data");
    const volume = docker("inspect", "--format", "{{(index .Mounts 0).Name}}", name);
    const { id } = (await engine.listContainers()).find((container) => container.name === name) ?? { id: "" };
    await engine.removeContainer(id);
    await engine.removeContainer(id);
    expect((await engine.listContainers()).map((container) => container.name)).not.toContain(name);
    expect(docker("volume", "ls", "--quiet")).not.toContain(volume);
  });

  it("tells when a container was started: another time after a restart, none when it does not run", async () => {
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

  it("lets removals of one container meet", async () => {
    const name = create("run");
    const id = docker("inspect", "--format", "{{.Id}}", name);
    const engine = new DockerodeEngine();
    await Promise.all([1, 2, 3, 4].map(() => engine.removeContainer(id)));
    expect((await engine.listContainers()).map((container) => container.name)).not.toContain(name);
  });

  it("does not keep the process alive", () => {
    const script = `
      import { DockerodeEngine } from ${JSON.stringify(new URL("../../src/docker/dockerode-engine.ts", import.meta.url).href)};
      await new DockerodeEngine().listContainers();
      process.on("exit", () => console.log(Math.round(performance.now() - end)));
      const end = performance.now();`;
    const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
    expect(Number(output)).toBeLessThan(1_000);
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

  it("gives up after the time-out where it accepts and never answers", async () => {
    const engine = await serve(() => {}, 300);
    const begin = performance.now();
    await expect(engine.listContainers()).rejects.toEqual(engineError(/did not answer within 0\.3 s/));
    expect(performance.now() - begin).toBeLessThan(2_000);
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

  it("gives up where the answer is cut off", async () => {
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

  it("says so where what listens there does not speak HTTP", async () => {
    const socketPath = join(directory, "tcp.sock");
    const listener = createTcpServer((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n")).listen(socketPath);
    await new Promise((resolve) => listener.once("listening", resolve));
    const engine = new DockerodeEngine({ dockerHost: `unix://${socketPath}`, timeoutMs: 300 });
    await expect(engine.listContainers()).rejects.toEqual(engineError(/sent an unexpected response/));
    listener.close();
  });

  it("says so where nobody listens, and finds the engine once it is there", async () => {
    const socketPath = join(directory, "late.sock");
    const engine = new DockerodeEngine({ dockerHost: `unix://${socketPath}`, timeoutMs: 300 });
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

  it("skips a container that vanishes between the list and the inspection", async () => {
    const engine = await serve((request, response) => {
      if (request.url?.startsWith("/containers/json")) {
        response.end(
          '[{"Id":"aa","State":"created","Names":["/gone"]},{"Id":"bb","State":"running","Names":["/here"]}]',
        );
      } else {
        response.writeHead(404).end('{"message":"No such container: aa"}');
      }
    });
    expect(await engine.listContainers()).toMatchObject([{ name: "here" }]);
  });

  it("inspects a stopped container once in its life, at most eight at a time", async () => {
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

  it("asks once more where a kept connection was closed meanwhile", async () => {
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

  it("keeps one connection for questions asked one after the other", async () => {
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

  it("waits for a removal that is in progress already", async () => {
    let looks = 0;
    const engine = await serve((request, response) => {
      if (request.method === "DELETE") {
        response.writeHead(409).end('{"message":"removal of container ab is already in progress"}');
        return;
      }
      looks += 1;
      if (looks < 3) response.end("{}");
      else response.writeHead(404).end('{"message":"No such container: ab"}');
    });
    await engine.removeContainer("ab");
    expect(looks).toBe(3);
  });
});

function docker(...args: string[]): string {
  return execFileSync("docker", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}
