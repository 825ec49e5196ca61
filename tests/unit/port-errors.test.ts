import { describe, expect, test } from "vitest";
import { conflictError } from "../../src/registry/allocation/assignment-errors.ts";
import { type Exhaustion, exhaustedError } from "../../src/registry/allocation/exhausted.ts";

describe("a port that is in use names the remedy for its occupant", () => {
  test.each([
    ["container", "web", "stop and remove that container (docker stop web && docker rm web)"],
    ["listener", "process 7 (node)", "stop that process: kill 7"],
    ["listener", "process 7 (conmon)", "stop the container that publishes the port: see podman ps"],
    ["listener", "a process of this host", expect.stringMatching(/^find that process and stop it: .*:1972/)],
    ["waiter", "/p/a", "queue for it as well (--wait 5m, waitTimeoutMs)"],
    [
      "assignment",
      "/p/a#two",
      "release it when that project no longer needs it (npx iris-ports release /p/a --instance two)",
    ],
  ] as const)("%s %s", (kind, name, remedy) => {
    expect(conflictError(1972, { kind, port: 1972, name }).remedy).toEqual(remedy);
  });

  test("and says that the port is only reserved, if a project has waited for it", () => {
    const error = conflictError(1972, { kind: "waiter", port: 1972, name: "/p/a" }, { projectKey: "/p/b" });
    expect(error.what).toBe(
      "Port 1972 is reserved for project /p/a, which has waited for it, and project /p/b needs it.",
    );
  });
});

describe("an exhausted range tells", () => {
  const full: Exhaustion = {
    portRange: [65_535, 65_535],
    assignments: [],
    occupants: [{ kind: "container", port: 65_535, name: "web" }],
    freeOutside: [],
    waiting: 0,
    reserved: 0,
    removed: 0,
    waitedMs: 0,
    engine: { isReachable: true, endpoint: "unix:///fake.sock", id: "FAKE:ENGINE", containers: [] },
  };

  test.each([
    [0, "All ports from 65535 to 65535 are taken."],
    [1, "All ports from 65535 to 65535 are taken, also after 1 stale assignment was removed."],
    [2, "All ports from 65535 to 65535 are taken, also after 2 stale assignments were removed."],
  ])("that %i stale assignments were removed in vain", (removed, what) => {
    expect(exhaustedError({ ...full, removed }).what).toBe(what);
  });

  test("what takes the ports, and that there is no other port to widen it to", () => {
    const { message, remedy } = exhaustedError(full);
    expect(message).toContain("  65535  container web (no assignment)");
    expect(message).toContain("  Free outside the range: none up to 65535");
    expect(remedy).toBe("wait for one (--wait 5m, waitTimeoutMs)");
  });
});
