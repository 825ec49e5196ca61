import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../scripts/run-command.ts";
import { RegistryAccessError } from "../../src/errors/errors.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { closeSessions } from "../../src/stores/redis/redis-sessions.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { RedisProxy } from "../helpers/redis-proxy.ts";
import { RedisServer } from "../helpers/redis-server.ts";
import { redisStore } from "../helpers/redis-store.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

const PASSWORD = "s3cret/@:%";

/** The error of an assignment there; it never shows the password. */
async function failure(registryPath: string, lockTimeoutMs?: number): Promise<RegistryAccessError> {
  onTestFinished(closeSessions);
  const registry = new PortRegistry({ registryPath, lockTimeoutMs, engine: false, portRange: await freePorts(3) });
  const error: unknown = await registry.assignPort("/p/a").then(
    (assignment) => assignment,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RegistryAccessError);
  const shown = `${(error as Error).stack} ${JSON.stringify(error)} ${(error as Error).cause}`;
  expect(shown).not.toContain(PASSWORD);
  expect(shown).not.toContain(encodeURIComponent(PASSWORD));
  return error as RegistryAccessError;
}

const login = `ann:${encodeURIComponent(PASSWORD)}@`;

describe("a Redis server that cannot be used is an access error that says what to do", () => {
  test("nothing listens there", async () => {
    const error = await failure(`redis://${login}127.0.0.1:1/0?name=test`);
    expect(error.message).toMatch(/no server answers there/);
    expect(error.remedy).toBe("start the server, or correct the URL");
  });

  test.each([
    [1, 2],
    [3_000, 3],
    [undefined, 5],
    [60_000, 10],
  ])("it accepts connections and never answers, with lockTimeoutMs %s", async (lockTimeoutMs, seconds) => {
    const silent = createServer(() => {});
    silent.listen({ host: "127.0.0.1", port: 0 });
    onTestFinished(() => void silent.close());
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const error = await failure(`redis://127.0.0.1:${port}/0?name=test`, lockTimeoutMs);
    expect(error.message).toContain(`did not answer within ${seconds} s`);
    expect(error.remedy).toContain(`redis-cli -h 127.0.0.1 -p ${port} ping`);
  });

  test("it stops answering in the middle", async () => {
    const server = await RedisServer.start();
    onTestFinished(closeSessions);
    const registry = new PortRegistry({ registryPath: server.url(), engine: false, portRange: await freePorts(3) });
    await registry.assignPort("/p/a");
    server.suspend();
    await expect(registry.assignPort("/p/b")).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
    server.continue();
    await expect(registry.assignPort("/p/a")).resolves.toMatchObject({ projectPath: "/p/a" });
  });

  test("the password is wrong or missing", async () => {
    const server = await RedisServer.start(["--appendonly", "yes", "--requirepass", "right"]);
    expect((await failure(server.url("name=test", login))).message).toMatch(/refused the user or the password/);
    expect((await failure(server.url())).message).toMatch(/asks for a password/);
  });

  test("the user may not run a command; with what the remedy grants it works", async () => {
    const server = await RedisServer.start();
    await server.command("ACL SETUSER ann on >pw ~iris-ports:* &iris-ports:* +@connection +info");
    const error = await failure(server.url("name=test", "ann:pw@"));
    expect(error.message).toMatch(/may not run a command/);
    await server.command(error.remedy.replace("<user>", "ann"));
    const registry = new PortRegistry({
      registryPath: server.url("name=test", "ann:pw@"),
      engine: false,
      portRange: await freePorts(3),
    });
    await expect(registry.assignPort("/p/a")).resolves.toMatchObject({ status: "active" });
  });

  test.each(["-publish", "-time", "-lpos", "-zadd", "resetchannels &iris-ports:session:*"])(
    "the user may not use in a script what %s takes away",
    async (restriction) => {
      const server = await RedisServer.start();
      const rights = "~iris-ports:* &iris-ports:* +@read +@write +@scripting +@pubsub +@connection +info +time";
      await server.command(`ACL SETUSER ann on >pw ${rights} ${restriction}`);
      expect((await failure(server.url("name=test", "ann:pw@"))).remedy).toMatch(/^ACL SETUSER/);
      expect(await server.command("EXISTS iris-ports:{test}:document")).toBe(":0\r\n");
    },
  );

  test("it is too old, and lacks a command", async () => {
    const server = await RedisServer.start(["--rename-command", "LPOS", ""]);
    const registry = redisStore(server.url());
    onTestFinished(closeSessions);
    const change = registry.update(async (document) => ({ document: { ...document }, result: undefined }));
    await expect(change).rejects.toMatchObject({ remedy: "use Redis 7.0 or newer, or Valkey" });
  });

  test("it is a replica", async () => {
    const primary = await RedisServer.start();
    const replica = await RedisServer.start(["--replicaof", "127.0.0.1", String(primary.port)]);
    expect((await failure(replica.url())).remedy).toBe("name the primary in the URL");
  });

  test("it is out of memory", async () => {
    const server = await RedisServer.start(["--appendonly", "yes", "--maxmemory", "1"]);
    expect((await failure(server.url())).message).toMatch(/out of memory/);
  });

  test("it deletes keys when memory runs short", async () => {
    const server = await RedisServer.start(["--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"]);
    const error = await failure(server.url());
    expect(error.message).toMatch(/maxmemory-policy is allkeys-lru/);
    expect(error.remedy).toBe("redis-cli CONFIG SET maxmemory-policy noeviction");
  });

  test("it runs in cluster mode", async () => {
    const server = await RedisServer.start(["--appendonly", "yes", "--cluster-enabled", "yes"]);
    expect((await failure(server.url())).message).toMatch(/Redis Cluster, which is not supported/);
  });

  test("it speaks no TLS, or has an untrusted certificate", async () => {
    const plain = await RedisServer.start();
    const error = await failure(plain.url().replace("redis:", "rediss:"));
    expect(error.remedy).toMatch(/that it speaks TLS on this port.*--tls ping$/);
    const tls = await tlsServer();
    expect((await failure(tls)).message).toMatch(/TLS connection failed/);
  });

  test("fewer replicas than asked for acknowledge a commit", async () => {
    const server = await RedisServer.start();
    expect((await failure(server.url("name=test&replicas=1"))).message).toMatch(/0 of 1 replicas/);
  });

  test("the connection breaks after a commit, before replicas acknowledge it", async () => {
    const proxy = await RedisProxy.open((await RedisServer.start()).port);
    proxy.rewrite((answer) => {
      // The server has committed; the answer to WAIT comes next.
      if (answer.toString().startsWith("*2\r\n:1\r\n:")) proxy.loseNext("answer");
      return answer;
    });
    expect((await failure(proxy.url("name=test&replicas=1"))).state).toMatch(/may have been saved, or not/);
  });
});

async function tlsServer(): Promise<string> {
  const directory = temporaryDirectory();
  const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"];
  expect(await runCommand("openssl", [...request, "-keyout", key, "-out", cert])).toMatchObject({ exitCode: 0 });
  const port = (await freePorts(1))[0];
  const files = [
    "--tls-cert-file",
    cert,
    "--tls-key-file",
    key,
    "--tls-ca-cert-file",
    cert,
    "--tls-auth-clients",
    "no",
  ];
  await RedisServer.start(["--tls-port", String(port), ...files]);
  return `rediss://127.0.0.1:${port}/0?name=test`;
}
