import { expect, test, vi } from "vitest";
import { parseRedisUrl } from "../../src/stores/redis/redis-address.ts";
import { inDoubtError, noAnswerError, redisError } from "../../src/stores/redis/redis-errors.ts";

const PASSWORD = "s3cret/%";
const URL = `redis://ann:${encodeURIComponent(PASSWORD)}@ci:7000/2?name=fleet`;
const address = parseRedisUrl(URL, "IRIS_PORT_REGISTRY");

function systemError(code: string): Error {
  return Object.assign(new Error(`connect ${code} ci:7000`), { code });
}

test.each([
  [systemError("ECONNREFUSED"), "no server answers there", "start the server, or correct the URL"],
  [systemError("EAI_AGAIN"), "its host name cannot be resolved", "correct the host name in the URL"],
  [systemError("EHOSTUNREACH"), "the server cannot be reached", "check the network and the firewall"],
  [systemError("EACCES"), "this user may not open the server's socket", "give this user access to the socket"],
  [new Error("LOADING Redis is loading the dataset"), "still reading its data", "try again in a moment"],
  [new Error("MISCONF cannot persist"), "cannot save its data to the disk", "free disk space on the server"],
  [new Error("max number of clients reached"), "has too many clients", "raise maxclients on the server"],
  [new Error("ERR unknown command 'LPOS'"), "lacks a command", "use Redis 7.0 or newer, or Valkey"],
  [
    new Error("WRONGTYPE Operation against"),
    "another program stored a value of another type",
    "--pattern 'iris-ports:*'",
  ],
  [new Error("ERR DB index is out of range"), "has no database with this number", "redis://host:6379/0"],
  [new Error("NOREPLICAS Not enough good replicas"), "accepts no changes without replicas", "min-replicas-to-write"],
  [new Error("DENIED Redis is running in protected mode"), "is in protected mode", "set a password on the server"],
  [new Error("BUSY Redis is busy running a script."), "is busy with another program's script", "redis-cli SCRIPT KILL"],
  [systemError("ECONNRESET"), "the server closed the connection", "see its log"],
  [new Error("tlsv13 alert certificate required"), "asks for a client certificate", "tls-auth-clients"],
  [systemError("ERR_TLS_CERT_ALTNAME_INVALID"), "is for another host name", "the host name of the certificate"],
  [new Error("strange"), "the Redis server refused a request", "redis-cli -h ci -p 7000 ping"],
])("%s says what to do", (cause, what, remedy) => {
  const error = redisError(address, cause);
  expect(error.what).toContain(`redis://ci:7000/2?name=fleet cannot be used: `);
  expect(error.what).toContain(what);
  expect(error.remedy).toContain(remedy);
  expect(error.state).toBe(`The server or the system says: ${cause.message}`);
});

test("a failure without a message is described by its code, or as a closed connection", () => {
  const silent = (more: object) => redisError(address, Object.assign(new Error(), more)).state;
  expect(silent({ code: "EPIPE" })).toContain("says: EPIPE");
  expect(silent({})).toContain("says: the connection was closed");
});

test("a cause that is no error is said as it is", () => {
  expect(redisError(address, "half a sentence").state).toBe("The server or the system says: half a sentence");
});

test("the password is neither in the message nor in the cause, however it is written", () => {
  const cause = new Error(`AUTH ann ${PASSWORD} at ${URL}, ${encodeURIComponent(PASSWORD)}`);
  const error = redisError(address, Object.assign(cause, { command: ["AUTH", PASSWORD] }));
  expect(error.state).toContain("AUTH ann *** at the URL, ***");
  expect(`${error.stack} ${JSON.stringify(error.cause)} ${error.cause}`).not.toMatch(/s3cret/);
});

test("an error that says what to do already stays as it is", () => {
  const error = noAnswerError(address, 2_000);
  expect(redisError(address, error)).toBe(error);
});

test("a server that does not answer says the state of every operation, also of a release", () => {
  expect(noAnswerError(address, 2_000).state).toBe("Nothing was changed.");
});

test("a lost connection says that the change may have been saved", () => {
  const cause = systemError("ECONNRESET");
  const error = inDoubtError(address, cause);
  expect(error).toMatchObject({ code: "REGISTRY_ACCESS", cause, state: expect.stringContaining("or not") });
  expect(error.remedy).toContain("redis-cli -h ci -p 7000 ping");
});

test.each([
  ["redis://[::1]", "redis-cli -h ::1 -p 6379 ping"],
  ["rediss://ci", "redis-cli -h ci -p 6379 --tls ping"],
  ["redis+unix:///run/my%20redis.sock", "redis-cli -s '/run/my redis.sock' ping"],
])("the server of %s is checked with %s", (url, command) => {
  expect(noAnswerError(parseRedisUrl(url, "registryPath"), 2_000).remedy).toContain(command);
});

test("a client that is not installed is an error with the command that installs it", async () => {
  vi.resetModules();
  vi.doMock("@redis/client", () => {
    throw Object.assign(new Error("Cannot find package '@redis/client'"), { code: "ERR_MODULE_NOT_FOUND" });
  });
  const { currentSession } = await import("../../src/stores/redis/redis-sessions.ts");
  await expect(currentSession(address)).rejects.toMatchObject({
    code: "REGISTRY_ACCESS",
    remedy: "npm install @redis/client",
    registryPath: "redis://ci:7000/2?name=fleet",
  });
});
