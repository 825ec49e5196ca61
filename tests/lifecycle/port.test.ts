import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { DockerCommandEngine } from "../../src/docker/docker-command-engine.ts";
import { awaitAnswer } from "../../src/lifecycle/await-answer.ts";
import { isPortRefused } from "../../src/lifecycle/port-refusal.ts";
import { READ_LABELS } from "../../src/registry/container-labels.ts";
import { docker, dockerCli, startedStandin } from "../helpers/engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { listenOn } from "../helpers/listener.ts";

const engine = new DockerCommandEngine({ labels: READ_LABELS });

function refusalOf(words: string): Error {
  return Object.assign(new Error(words), { statusCode: 500 });
}

describe("C3: a refusal in unknown words", () => {
  const unknown = refusalOf("der Anschluss ist schon vergeben");

  test("is a refused port if a program listens on it", async () => {
    const { port } = await listenOn(0);
    expect(await isPortRefused(unknown, [port], engine)).toBe(true);
  });

  test("is a refused port if another container than the refused one publishes it", async () => {
    const [port] = await freePorts(1);
    const name = `publisher-${port}`;
    await docker("run", "--detach", "--name", name, "--publish", `127.0.0.1:${port}:1972`, await ensureStandin());
    onTestFinished(async () => void (await dockerCli(["rm", "--force", name])));
    const remote = {
      endpoint: engine.endpoint,
      isLocal: false,
      listContainers: () => engine.listContainers(),
      removeContainer: (id: string) => engine.removeContainer(id),
    };
    expect(await isPortRefused(unknown, [port], remote)).toBe(true);
    expect(await isPortRefused(unknown, [port], remote, name)).toBe(false);
  });

  test("is not a refused port if the port is free, or if the failure is not the engine's refusal", async () => {
    const [free] = await freePorts(1);
    expect(await isPortRefused(unknown, [free], engine)).toBe(false);
    const { port } = await listenOn(0);
    expect(await isPortRefused(new Error("connect ECONNREFUSED"), [port], engine)).toBe(false);
    expect(await isPortRefused(Object.assign(new Error("gone"), { statusCode: 404 }), [port], engine)).toBe(false);
  });
});

describe("C13: a port that is published", () => {
  test("is awaited if it is forwarded, however late", async () => {
    await using standin = await startedStandin();
    const hostPort = await standin.hostPort(1972);
    const forward = createServer((socket) => void socket.end("forwarded\n"));
    onTestFinished(() => void forward.close());
    const answer = awaitAnswer(engine.host, standin.id, { containerPort: 1972, hostPort }, forwarded());
    setTimeout(() => forward.listen(hostPort, "127.0.0.9"), 1_500);
    expect(await answer).toBe("127.0.0.9");
  });

  test("is not ready if nothing answers, as the error says", async () => {
    await using standin = await startedStandin();
    const hostPort = await standin.hostPort(1972);
    const answer = awaitAnswer(engine.host, standin.id, { containerPort: 1972, hostPort }, forwarded(300));
    await expect(answer).rejects.toMatchObject({ code: "CONTAINER_START" });
    await expect(answer).rejects.toThrow(`127.0.0.9:${hostPort} does not answer from here`);
    await expect(answer).rejects.toThrow(
      "check that the program in the container listens on port 1972, and for a firewall",
    );
  });

  test("is not ready behind a forwarder without a target", async () => {
    await using standin = await startedStandin();
    const hostPort = await standin.hostPort(1972);
    const forward = createServer((socket) => void socket.end()).listen(hostPort, "127.0.0.9");
    onTestFinished(() => void forward.close());
    const answer = awaitAnswer(engine.host, standin.id, { containerPort: 1972, hostPort }, forwarded(300));
    await expect(answer).rejects.toThrow("does not answer from here");
  });

  function forwarded(timeoutMs = 20_000) {
    return { hosts: ["127.0.0.9"], timeoutMs };
  }
});
