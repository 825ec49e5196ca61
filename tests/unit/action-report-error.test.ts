import { afterEach, expect, test, vi } from "vitest";
import { reportError } from "../../action/output/report-error.ts";
import { conflictError, otherContainerError } from "../../src/registry/allocation/assignment-errors.ts";
import { exhaustedError } from "../../src/registry/allocation/exhausted.ts";
import { accessError } from "../../src/stores/access-errors.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
});

const EXHAUSTED = {
  portRange: [1972, 1973],
  ...{ assignments: [], occupants: [], freeOutside: [1974], waiting: 0, reserved: 0, removed: 0 },
  engine: { isReachable: true, endpoint: "unix:///e", id: "E", containers: [] },
} as const;

/** The annotation of an error, line by line. */
function annotation(error: unknown): string[] {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  reportError(error);
  return write.mock.calls
    .map(([text]) => String(text))
    .join("")
    .trimEnd()
    .split("%0A");
}

test.each([
  [
    "queue for a port with the action's input",
    conflictError(1972, { kind: "waiter", port: 1972, name: "/p/a" }),
    "To fix: queue for it as well with `wait-timeout: 5m`",
  ],
  [
    "stop the container that has the port",
    otherContainerError(
      { kind: "container", port: 1973, name: "iris_x_1973" },
      { projectPath: "/p/a", preferredPort: 1972 } as Parameters<typeof otherContainerError>[1],
      "/r.json",
    ),
    "To fix: use port 1973, or stop the container first: npx iris-ports down /p/a --registry /r.json",
  ],
  [
    "wait longer after a wait",
    exhaustedError({ ...EXHAUSTED, waitedMs: 90_000 }),
    "To fix: wait longer with `wait-timeout`, or choose from more ports with `port-range: 1972-1974`",
  ],
  [
    "wait where they have not",
    exhaustedError({ ...EXHAUSTED, waitedMs: 0 }),
    "To fix: wait for a port with `wait-timeout: 10m`, or choose from more ports with `port-range: 1972-1974`",
  ],
  [
    "name another registry with the action's input",
    accessError("/srv/r.json", "/srv", Object.assign(new Error("denied"), { code: "EACCES" })),
    "To fix: give this user access to the file and its directory, or set `registry-path` to a file that all runners of the host can write to",
  ],
])("authors of workflows are told to %s", (_, error, remedy) => {
  expect(annotation(error).at(-1)).toBe(remedy);
});

test.each([
  [
    [1974],
    "To fix: choose from more ports with `port-range: 1972-1974`, or wait longer with `wait-timeout`. Jobs that hold",
  ],
  [[], "To fix: wait longer with `wait-timeout`. Jobs that hold"],
])(
  "a job that holds one port and waits for a second is told that such jobs can block each other",
  (freeOutside, remedy) => {
    vi.stubEnv("IRIS_PORTS_USED", "true");
    expect(annotation(exhaustedError({ ...EXHAUSTED, freeOutside, waitedMs: 90_000 })).at(-1)).toBe(
      `${remedy} one port while they wait for another can block each other`,
    );
  },
);

test.each([
  "ENOSPC: no space left on device, write",
  "Missing file at path: /home/runner/work/_temp/_runner_file_commands/set_output_1",
])("a full or unwritable disk of the runner is not our fault to report: %s", (message) => {
  expect(annotation(new Error(message)).at(-1)).toMatch(/^To fix: check that the runner's disk has room .*RUNNER_TEMP/);
});
