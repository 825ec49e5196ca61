import { describe, expect, test } from "vitest";
import {
  ambiguousError,
  conflictError,
  leavingError,
  otherPortError,
  releaseCommand,
} from "../../src/registry/allocation/assignment-errors.ts";
import { exhaustedError } from "../../src/registry/allocation/exhausted.ts";
import type { PortAssignment } from "../../src/registry/assignment.ts";
import { jobHolder, manualHolder, processHolder, processText } from "../../src/registry/holder.ts";

const assignment: PortAssignment = {
  projectPath: "/it's",
  projectKey: "/it's",
  port: 1972,
  assignedAt: new Date(0),
  assignmentType: "auto",
  status: "active",
  containerName: "iris_00000000_1972",
};
const nothing = {
  portRange: [1972, 1973],
  assignments: [],
  occupants: [],
  freeOutside: [],
  waiting: 0,
  reserved: 0,
  removed: 0,
  waitedMs: 0,
} as const;
const engine = { isReachable: true, endpoint: "unix:///e", id: "E", containers: [] } as const;

describe("a refusal", () => {
  test("quotes a path for the shell", () => {
    expect(releaseCommand("/it's", "two")).toBe("npx iris-ports release '/it'\\''s' --instance two");
  });

  test("names the project and instance that already have the name", () => {
    expect(ambiguousError({ ...assignment, instance: "two" }).message).toContain("project /it's, instance two");
    expect(ambiguousError(assignment).message).toContain("project /it's.");
  });

  test("names the holder of the port, and how to get the port", () => {
    const container = conflictError(1972, { kind: "container", port: 1972, name: "web" });
    expect(container.message).toMatch(/Port 1972 is in use by container web\.[\s\S]*docker stop web/);
    expect(otherPortError(assignment, 1973).message).toMatch(/already holds port 1972[\s\S]*To fix: use port 1972/);
    expect(otherPortError(assignment, 1973).remedy).toMatch(/release it first: npx iris-ports release /);
    const isContainerUsed = true;
    expect(otherPortError(assignment, 1973, { isContainerUsed }).remedy).toMatch(
      /stop the container first: npx iris-ports down /,
    );
    expect(leavingError(assignment, assignment.containerName, 61_000).message).toMatch(
      /has not finished after 61 s[\s\S]*docker rm --force iris_00000000_1972/,
    );
  });

  test("of an exhausted range says only what is known", () => {
    const error = exhaustedError({ ...nothing, engine });
    expect(error.message).toContain("Free outside the range: none up to 2023");
    expect(error.what).toBe("All ports from 1972 to 1973 are taken.");
    expect(error.remedy).not.toContain("widen");
    expect(error.remedy).not.toContain("iris-ports release");
  });

  test("of an exhausted range counts what was removed, and what is reserved", () => {
    const error = exhaustedError({ ...nothing, engine, waiting: 3, reserved: 1, removed: 2 });
    expect(error.what).toBe(
      "All ports from 1972 to 1973 are taken or reserved, also after 2 stale assignments were removed.",
    );
    expect(error.message).toContain("Free, but reserved for earlier waiters: 1");
  });

  test("of an exhausted range lists the waiters, and says that the engine did not answer", () => {
    const silent = { isReachable: false, endpoint: "unix:///run/docker.sock", reason: "it is down" } as const;
    const listed = { ...assignment, holders: [], evidence: [] };
    const error = exhaustedError({ ...nothing, assignments: [listed], waiting: 2, engine: silent });
    expect(error.message).toContain("2 waiting for a port");
    expect(error.message).toContain("nothing counts as stale: it is down");
    expect(error.message).toContain("1972  /it's: no evidence of life");
  });
});

test("a known process is written on one line", async () => {
  const holder = await processHolder();
  expect(processText(holder)?.split("|")).toContain(String(process.pid));
  expect([manualHolder(), jobHolder({ id: "job" })].map(processText)).toEqual([undefined, undefined]);
});
