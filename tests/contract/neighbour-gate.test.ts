import fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FileStore } from "../../src/stores/file-store.ts";
import { NeighbourGate } from "../../src/stores/neighbour-gate.ts";
import { assignmentRecord } from "../helpers/documents.ts";
import { Program } from "../helpers/processes.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

const HOLD =
  "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(600)";
const TRY = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)";
let path: string;
let lockPath: string;

beforeEach(() => {
  const directory = temporaryDirectory();
  path = join(directory, "port-registry.json");
  lockPath = join(directory, "port-registry.lock");
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Adds an assignment. */
function assign(port: number): Promise<void> {
  return new FileStore({ path, lockTimeoutMs: 20_000, isDurable: false }).update(async (document) => {
    const assignments = [...document.assignments, assignmentRecord(`/p/${port}`, port)];
    return { document: { ...document, assignments }, result: undefined };
  });
}

const portsInFile = () =>
  JSON.parse(fs.readFileSync(path, "utf8")).assignments.map(({ port }: { port: number }) => port);

/** Whether the Python tool could take its lock now. */
const isFree = async () => (await new Program("python3", ["-c", TRY, lockPath]).ended()).code === 0;

describe.skipIf(process.platform !== "linux")("D2: while the Python tool is at work", () => {
  beforeEach(() => fs.writeFileSync(lockPath, ""));

  test("its lock is kept for the next commit of a burst, unless its file was removed", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    await assign(1);
    await assign(2);
    expect(await isFree()).toBe(false);
    await vi.advanceTimersByTimeAsync(100);
    expect(await isFree()).toBe(true);
    await assign(3);
    fs.rmSync(lockPath);
    await assign(4);
    expect(portsInFile()).toEqual([1, 2, 3, 4]);
  });

  test("a reader waits for it, and keeps it out while it reads", async () => {
    const owner = new Program("python3", ["-c", HOLD, lockPath]);
    expect(await owner.nextLine()).toBe("held");
    const gate = new NeighbourGate(path, 20_000);
    const waiting = gate.awaitExit();
    owner.signal("SIGKILL");
    await waiting;
    expect(gate.isShut).toBe(true);
    expect(await isFree()).toBe(false);
    gate.open();
  });

  test("a lock that this user may not open is an error, and nothing is written", async () => {
    const { openSync } = fs;
    vi.spyOn(fs, "openSync").mockImplementation((at, flags, mode) => {
      if (at === lockPath) throw Object.assign(new Error("EACCES"), { code: "EACCES" });
      return openSync(at, flags, mode);
    });
    await expect(assign(1)).rejects.toMatchObject({ code: "REGISTRY_ACCESS", what: expect.stringContaining(lockPath) });
    expect(fs.existsSync(path)).toBe(false);
  });
});

test("a lock file whose time cannot be set is left to the tool", () => {
  vi.spyOn(fs, "utimesSync").mockImplementation(() => {
    throw Object.assign(new Error("EPERM"), { code: "EPERM" });
  });
  expect(() => new NeighbourGate(path, 1_000).noteActivity()).not.toThrow();
  expect(fs.existsSync(lockPath)).toBe(true);
});

test("a document that ends without a line break was written by the tool", () => {
  const gate = new NeighbourGate(path, 1_000);
  expect(["{}\n", "", "{}"].map((text) => gate.noteWriter(Buffer.from(text)))).toEqual([false, false, true]);
  expect(fs.existsSync(lockPath)).toBe(true);
});
