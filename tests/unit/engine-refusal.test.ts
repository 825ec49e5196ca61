import { describe, expect, test } from "vitest";
import {
  engineWords,
  isInTheWay,
  isMissing,
  isNameTaken,
  saysPortRefused,
} from "../../src/docker/engine-error-kinds.ts";

function withStatus(statusCode: number, message: string): Error {
  return Object.assign(new Error(message), { statusCode });
}

const REFUSALS = [
  [
    "Docker 20, a container",
    "(HTTP code 500) server error - driver failed programming external connectivity on endpoint iris_1 (f00): Bind for 0.0.0.0:1972 failed: port is already allocated ",
  ],
  [
    "Docker 20, a process",
    "driver failed programming external connectivity on endpoint x (a1): Error starting userland proxy: listen tcp4 0.0.0.0:1972: bind: address already in use",
  ],
  [
    "Docker 28",
    "failed to set up container networking: driver failed programming external connectivity on endpoint x (a1): failed to bind host port for 127.0.0.1:1972:172.17.0.2:1972/tcp: address already in use",
  ],
  ["Docker 29", "failed to bind host port 127.0.0.1:1972/tcp: address already in use"],
  ["IPv6", "listen tcp6 [::1]:1972: bind: address already in use"],
  [
    "Docker Desktop on Windows",
    "Ports are not available: exposing port TCP 127.0.0.1:1972 -> 127.0.0.1:0: listen tcp 127.0.0.1:1972: bind: Only one usage of each socket address (protocol/network address/port) is normally permitted.",
  ],
  [
    "a range that Windows keeps",
    "Ports are not available: listen tcp 0.0.0.0:1972: bind: An attempt was made to access a socket in a way forbidden by its access permissions.",
  ],
  [
    "Docker Desktop, a port that its host keeps",
    "Ports are not available: exposing port TCP 0.0.0.0:1972 -> 127.0.0.1:0: unexpected error Permission denied",
  ],
  ["podman's machine", "unable to start container: port conflict with ID 3: exposing 0.0.0.0:1972"],
  ["podman", "rootlessport listen tcp 0.0.0.0:1972: bind: address already in use"],
  ["podman, rootful", "cannot listen on the TCP port: listen tcp4 127.0.0.1:1972: bind: address already in use"],
] as const;

describe("a refused port", () => {
  test.each(REFUSALS)("is recognised in the words of %s", (_, words) => {
    expect(saysPortRefused(new Error(words), [1972])).toBe(true);
  });

  test.each(REFUSALS)("is not ours if only other ports are named (%s)", (_, words) => {
    expect(saysPortRefused(new Error(words.replaceAll("1972", "9999")), [1972, 52773])).toBe(false);
  });

  test("may be the web port, or unnamed", () => {
    expect(
      saysPortRefused(new Error("Bind for 127.0.0.1:52773 failed: port is already allocated"), [1972, 52773]),
    ).toBe(true);
    expect(saysPortRefused(new Error("port is already allocated"), [1972])).toBe(true);
  });

  test.each([
    "No such image: x:1972",
    'Conflict. The container name "/iris_1_1972" is already in use by container "a1:1972"',
    "connect ECONNREFUSED 127.0.0.1:1972",
  ])("is not seen in %s", (words) => expect(saysPortRefused(new Error(words), [1972])).toBe(false));
});

test("a name that is taken is recognised in Docker's and in podman's words", () => {
  const docker =
    '(HTTP code 409) unexpected - Conflict. The container name "/iris_1" is already in use by container "a1". You have to remove (or rename) that container to be able to reuse that name. ';
  const podman =
    'creating container storage: the container name "iris_1" is already in use by a1. You have to remove that container';
  expect([docker, podman].map((words) => isNameTaken(new Error(words)))).toEqual([true, true]);
  expect(isNameTaken(new Error("address already in use"))).toBe(false);
});

// What podman 4.3.1 answered while another process started, stopped or removed the container.
test.each([
  [isMissing, "container f263fd5f20f0 does not exist in database: no such container"],
  [isInTheWay, "container f263fd5f20f0 must be in Created or Stopped state to be started: container state improper"],
  [
    isInTheWay,
    "cannot remove container f263fd5f20f0 as it could not be stopped: sending SIGKILL to container f263fd5f20f0: container state improper: stopped",
  ],
])("podman's status 500 is told by its words: %o %s", (isKind, words) => {
  expect(isKind(withStatus(500, `(HTTP code 500) server error - ${words} `))).toBe(true);
  expect(isKind(withStatus(500, `(HTTP code 500) server error - it broke `))).toBe(false);
  expect(isKind(new Error(words))).toBe(false);
});

test("a missing object is recognised by the status alone", () => {
  expect(isMissing(withStatus(404, "No such container"))).toBe(true);
  expect([isMissing(new Error("404")), isMissing(undefined), isMissing("404")]).toEqual([false, false, false]);
});

test("the engine's message is shown without dockerode's text", () => {
  expect(engineWords(new Error("(HTTP code 500) server error - it broke - badly "))).toBe("it broke - badly");
  expect(engineWords("odd")).toBe("odd");
});
