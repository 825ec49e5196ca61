import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { hostname, networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { configuredAddress, resolveEngineAddress } from "../../src/docker/engine-address.ts";

const NAMES = ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"];

describe.skipIf(process.platform === "win32")("resolveEngineAddress", () => {
  let home: string;

  beforeEach(() => {
    home = realpathSync(mkdtempSync(join(tmpdir(), "iris-ports-address-")));
    for (const name of [...NAMES, "TESTCONTAINERS_HOST_OVERRIDE", "XDG_RUNTIME_DIR"]) vi.stubEnv(name, undefined);
    vi.stubEnv("HOME", home);
    vi.stubEnv("USERPROFILE", home);
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true, force: true });
  });

  it("takes DOCKER_HOST before everything else", () => {
    writeContext("elsewhere", "tcp://context-host:2375");
    vi.stubEnv("DOCKER_HOST", "tcp://Build-Host:1234");
    expect(resolveEngineAddress()).toMatchObject({ endpoint: "tcp://build-host:1234", isLocal: false });
  });

  it("takes docker.host of ~/.testcontainers.properties if the environment names none", () => {
    writeFileSync(join(home, ".testcontainers.properties"), "# mine\n docker.host = tcp://properties-host:2375\n");
    expect(resolveEngineAddress().endpoint).toBe("tcp://properties-host:2375");
    vi.stubEnv("DOCKER_HOST", "tcp://build-host:1234");
    expect(resolveEngineAddress().endpoint).toBe("tcp://build-host:1234");
  });

  it("takes the TLS settings of ~/.testcontainers.properties if the environment has none", () => {
    const lines = ["docker.host=tcp://properties-host:1234", "docker.tls.verify=1", "docker.cert.path=/file/certs"];
    writeFileSync(join(home, ".testcontainers.properties"), lines.join("\n"));
    expect(resolveEngineAddress().tcp).toMatchObject({ isTls: true, certDirectory: "/file/certs" });
    vi.stubEnv("DOCKER_CERT_PATH", "/own/certs");
    expect(resolveEngineAddress().tcp).toMatchObject({ isTls: true, certDirectory: "/own/certs" });
  });

  it("follows the current docker context", () => {
    writeContext("elsewhere", "tcp://context-host:2376");
    const address = resolveEngineAddress();
    expect(address).toMatchObject({ endpoint: "tcp://context-host:2376", isLocal: false });
    expect(address.tcp).toMatchObject({ isTls: true, isTlsVerified: true });
  });

  it("looks for a socket if the current context is the default one or has no host", () => {
    mkdirSync(join(home, ".docker"));
    for (const config of ['{"currentContext":"default"}', '{"currentContext":"gone"}', "{}", "not JSON", "null"]) {
      writeFileSync(join(home, ".docker", "config.json"), config);
      expect(resolveEngineAddress().socketPath).toBeDefined();
    }
  });

  it("refuses a context that DOCKER_CONTEXT names and that does not exist", () => {
    vi.stubEnv("DOCKER_CONTEXT", "gone");
    expect(() => resolveEngineAddress()).toThrow('The docker context "gone" (DOCKER_CONTEXT) does not exist');
    vi.stubEnv("DOCKER_HOST", "tcp://build-host:1234");
    expect(resolveEngineAddress().endpoint).toBe("tcp://build-host:1234");
  });

  it("gives one engine one name, whatever link leads to its socket", async () => {
    const socketPath = join(home, "engine.sock");
    const server = createServer().listen(socketPath);
    await new Promise((resolve) => server.once("listening", resolve));
    symlinkSync(home, join(home, "link"));
    symlinkSync(socketPath, join(home, "alias.sock"));
    const paths = [socketPath, join(home, "link", "engine.sock"), join(home, "alias.sock")];
    const endpoints = paths.map((path) => resolveEngineAddress(`unix://${path}`).endpoint);
    await new Promise((resolve) => server.close(resolve));
    // Also while the engine is down.
    endpoints.push(resolveEngineAddress(`unix://${join(home, "link", "engine.sock")}`).endpoint);
    expect(new Set(endpoints)).toEqual(new Set([`unix://${socketPath}`]));
  });

  it.each([
    ["tcp://127.0.0.1:2375", true],
    ["tcp://0.0.0.0:2375", true],
    ["tcp://[::]:2375", true],
    ["tcp://localhost:2375", true],
    ["tcp://[::1]:2375", true],
    ["127.0.0.1:2375", true],
    ["tcp://build-host:2375", false],
    ["unix:///run/docker.sock", true],
    ["npipe:////./pipe/docker_engine", true],
  ])("calls %s local: %s", (dockerHost, isLocal) => {
    expect(resolveEngineAddress(dockerHost).isLocal).toBe(isLocal);
  });

  it("is not local if TESTCONTAINERS_HOST_OVERRIDE names another host", () => {
    vi.stubEnv("TESTCONTAINERS_HOST_OVERRIDE", "host.docker.internal");
    expect(resolveEngineAddress("unix:///run/docker.sock").isLocal).toBe(false);
    vi.stubEnv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1");
    expect(resolveEngineAddress("unix:///run/docker.sock").isLocal).toBe(true);
  });

  it("speaks TLS on 2376 and with DOCKER_TLS_VERIFY", () => {
    expect(resolveEngineAddress("tcp://build-host:2376").tcp?.isTls).toBe(true);
    expect(resolveEngineAddress("tcp://build-host:2375").tcp?.isTls).toBe(false);
    vi.stubEnv("DOCKER_TLS_VERIFY", "1");
    const address = resolveEngineAddress("tcp://build-host:2375");
    expect(address.tcp).toMatchObject({ isTls: true, certDirectory: join(home, ".docker") });
  });

  it("speaks ssh as Docker's own command does, on another host", () => {
    const address = resolveEngineAddress("ssh://me@build-host:2222");
    expect(address).toMatchObject({ isLocal: false, ssh: { user: "me", host: "build-host", port: 2222 } });
    expect(JSON.parse(JSON.stringify(address))).toEqual(address);
  });

  it("treats an address of this machine as local, under any name", () => {
    const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const addresses = own.filter(({ family }) => family === "IPv4").map(({ address }) => address);
    for (const host of [hostname(), ...addresses])
      expect(resolveEngineAddress(`tcp://${host}:2375`).isLocal, host).toBe(true);
  });

  it("says which setting an address comes from", () => {
    writeContext("elsewhere", "tcp://context-host:2375");
    expect(configuredAddress()?.source).toBe('the docker context "elsewhere"');
    vi.stubEnv("DOCKER_HOST", "tcp://build-host:1234");
    expect(configuredAddress()?.source).toBe("DOCKER_HOST");
  });

  it.each(["tcp://", "ftp://build-host", "::::", "ssh://"])("refuses %s with a remedy", (dockerHost) => {
    expect(() => resolveEngineAddress(dockerHost)).toThrow(expect.objectContaining({ code: "CONTAINER_ENGINE" }));
    expect(() => resolveEngineAddress(dockerHost)).toThrow(/To fix: .*DOCKER_HOST/);
  });

  function writeContext(name: string, host: string): void {
    const meta = join(home, ".docker", "contexts", "meta", createHash("sha256").update(name).digest("hex"));
    mkdirSync(meta, { recursive: true });
    writeFileSync(join(home, ".docker", "config.json"), JSON.stringify({ currentContext: name }));
    writeFileSync(join(meta, "meta.json"), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
  }
});
