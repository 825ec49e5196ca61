import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DockerodeEngine } from "../../src/docker/dockerode-engine.ts";
import { BIN, type CliResult, resultOf } from "../helpers/cli.ts";
import { ContainerBench } from "../helpers/container-bench.ts";
import { EngineProxy } from "../helpers/engine-proxy.ts";
import { CAN_BE_OTHERS, MALLORY, runAs } from "../helpers/users.ts";

const REAL = "unix:///var/run/docker.sock";

/** Another engine on this machine, which has no containers. */
async function otherEngine(bench: ContainerBench): Promise<string> {
  const socketPath = join(bench.directory, "other.sock");
  const server = createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    const path = request.url ?? "";
    response.end(path.includes("/info") ? '{"ID":"OTHER:ENGINE"}' : path.includes("/_ping") ? "OK" : "[]");
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `unix://${socketPath}`;
}

/** `iris-ports` in the test's own environment. */
function runCli(args: readonly string[], env: Record<string, string>): Promise<CliResult> {
  const stdio = ["ignore", "pipe", "pipe"] as const;
  return resultOf(spawn(process.execPath, [BIN, ...args], { env: { ...process.env, ...env }, stdio: [...stdio] }));
}

/** The same engine, under another name. */
async function alias(bench: ContainerBench): Promise<string> {
  const proxy = new EngineProxy(join(bench.directory, "alias.sock"));
  await proxy.start();
  onTestFinished(() => proxy.stop());
  return `unix://${proxy.socketPath}`;
}

/** The environment of a user whose current docker context is that engine. */
function contextOf(bench: ContainerBench, host: string): Record<string, string> {
  const name = "another";
  const config = join(bench.directory, "docker-config");
  const meta = join(config, "contexts", "meta", createHash("sha256").update(name).digest("hex"));
  mkdirSync(meta, { recursive: true });
  writeFileSync(join(config, "config.json"), JSON.stringify({ currentContext: name }));
  writeFileSync(join(meta, "meta.json"), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
  return { DOCKER_CONFIG: config };
}

test("if the docker context is another engine, the registry asks the one that starts the container", async () => {
  const bench = await ContainerBench.create();
  const env = contextOf(bench, await otherEngine(bench));
  const child = bench.child({}, env);
  const { port, error } = await child.started();
  expect(error).toBeUndefined();
  await child.kill("SIGKILL");
  // The command line asks the context's engine, which knows nothing of the container: that proves nothing.
  const cleaned = await runCli(["clean", "--registry", bench.registryPath], env);
  expect(cleaned.exitCode).toBe(0);
  expect(await bench.registry({ engine: new DockerodeEngine({ dockerHost: REAL }) }).listAll()).toMatchObject([
    { port },
  ]);
  const again = bench.child({}, env);
  expect((await again.started()).port).toBe(port);
  await again.stop();
  expect(await bench.containers()).toEqual([]);
});

test.each([
  ["is dead", "unix:///nonexistent/docker.sock"],
  ["has a typo", "unx:///var/run/docker.sock"],
  ["has no scheme", "127.0.0.1:1"],
  ["has no scheme and reads like one", "localhost:1"],
])("a DOCKER_HOST that %s is an error that names both engines, and nothing starts", async (_, dockerHost) => {
  const bench = await ContainerBench.create();
  const { error } = await bench.child({}, { DOCKER_HOST: dockerHost }).started();
  expect(error).toContain(dockerHost);
  expect(error).toContain("unix:///run/docker.sock");
  expect(error).toMatch(/To fix: .*DOCKER_HOST/);
  await bench.expectNothingLeft();
});

test("one engine under two names is one engine", async () => {
  const bench = await ContainerBench.create();
  const child = bench.child({}, { DOCKER_HOST: await alias(bench) });
  const { port, error } = await child.started();
  expect(error).toBeUndefined();
  await child.kill("SIGKILL");
  const [killed] = await bench.registry({ engine: new DockerodeEngine({ dockerHost: REAL }) }).listAll();
  expect(killed).toMatchObject({
    port,
    evidence: expect.arrayContaining([expect.objectContaining({ kind: "container" })]),
  });
  await bench.registry({ engine: new DockerodeEngine({ dockerHost: REAL }) }).cleanupStale();
  await bench.expectNothingLeft();
});

test("a registry made for another engine is refused, and both are named", async () => {
  const bench = await ContainerBench.create();
  const dockerHost = await otherEngine(bench);
  const registry = bench.registry({ engine: new DockerodeEngine({ dockerHost }) });
  const start = bench.iris().withRegistry(registry).start();
  await expect(start).rejects.toThrow(dockerHost);
  await expect(start).rejects.toThrow(/unix:\/\/\/.*docker\.sock/);
  await bench.expectNothingLeft();
});

test("a port that is assigned while the configured engine does not answer comes with a warning that names both", async () => {
  const bench = await ContainerBench.create();
  const dockerHost = "unix:///nonexistent/docker.sock";
  const args = [
    "assign",
    bench.project(),
    "--quiet",
    "--registry",
    bench.registryPath,
    "--range",
    bench.range.join("-"),
  ];
  const { exitCode, stdout, stderr } = await runCli(args, { DOCKER_HOST: dockerHost });
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${bench.range[0]}\n` });
  expect(stderr).toContain("was chosen without checking containers");
  expect(stderr).toContain(dockerHost);
  expect(stderr).toContain("An engine answers at unix:///run/docker.sock.");
  expect(stderr.match(/comes from DOCKER_HOST/g)).toHaveLength(1);
  expect(stderr).toContain("To fix: start it, or correct DOCKER_HOST");
});

test.skipIf(!CAN_BE_OTHERS)("a user who may not use the system's socket gets the engine of their own", async () => {
  const bench = await ContainerBench.create();
  const endpoint = await alias(bench);
  chmodSync(bench.directory, 0o755);
  chmodSync(join(bench.directory, "alias.sock"), 0o666);
  const runtime = join(bench.directory, "runtime");
  mkdirSync(runtime);
  symlinkSync(join(bench.directory, "alias.sock"), join(runtime, "docker.sock"));
  const module = new URL("../../src/docker/dockerode-engine.ts", import.meta.url).href;
  const script = `process.env.XDG_RUNTIME_DIR = ${JSON.stringify(runtime)};
    const { DockerodeEngine } = await import(${JSON.stringify(module)});
    const engine = new DockerodeEngine();
    const id = await engine.identify();
    console.log(JSON.stringify([engine.endpoint, id]));`;
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", script];
  const [line = "[]"] = await runAs(MALLORY, process.execPath, ...args).output();
  expect(JSON.parse(line)).toEqual([endpoint, await new DockerodeEngine().identify()]);
});

test.skipIf(!CAN_BE_OTHERS)(
  "an engine that only ssh reaches is refused with the commands that forward its socket",
  async () => {
    const bench = await ContainerBench.create();
    await alias(bench);
    chmodSync(bench.directory, 0o755);
    chmodSync(join(bench.directory, "alias.sock"), 0o666);
    const ssh = join(bench.directory, "ssh");
    writeFileSync(ssh, `#!/bin/sh\nexec docker --host unix://${bench.directory}/alias.sock system dial-stdio\n`);
    chmodSync(ssh, 0o755);
    const module = new URL("../../src/containers/engine/container-image.ts", import.meta.url).href;
    const script = `process.env.PATH = ${JSON.stringify(`${bench.directory}:${process.env["PATH"]}`)};
    process.env.DOCKER_HOST = "ssh://me@build-host.invalid:2222";
    const { connectEngine } = await import(${JSON.stringify(module)});
    await connectEngine().catch(({ what, remedy }) => console.log(JSON.stringify({ what, remedy })));`;
    const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", script];
    const [line = "{}"] = await runAs(MALLORY, process.execPath, ...args).output();
    expect(JSON.parse(line)).toEqual({
      what: "The container engine at ssh://me@build-host.invalid:2222 answers, but Testcontainers cannot use it.",
      remedy:
        "forward its socket, `ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock ssh://me@build-host.invalid:2222`, and " +
        "`export DOCKER_HOST=unix:///tmp/docker.sock TESTCONTAINERS_HOST_OVERRIDE=build-host.invalid`",
    });
  },
);
