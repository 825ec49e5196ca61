import fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { PortAssignmentTimeoutError, RegistryAccessError } from "../../src/errors/errors.ts";
import type { RegistryDocument } from "../../src/stores/document.ts";
import { fileNames } from "../../src/stores/file-names.ts";
import { FileStore } from "../../src/stores/file-store.ts";
import { now, TicketQueue } from "../../src/stores/ticket-queue.ts";
import { STALE_MS, Turnstile } from "../../src/stores/turnstile.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory, "port-registry.json");
});

afterEach(() => {
  vi.useRealTimers();
});

function open(timeoutMs = 20_000, at = path): Turnstile {
  return new Turnstile(at, directory, timeoutMs);
}

const lockPath = () => fileNames(path).lock;
const queue = () => new TicketQueue(fileNames(path).queue);
const tickets = () => (fs.existsSync(fileNames(path).queue) ? fs.readdirSync(fileNames(path).queue) : []);
const arrivalOf = (ticket: string | undefined) => ticket?.split(".")[0];

/** The lock as another process holds and refreshes it; returns a function that releases it. */
function holdLock(): () => void {
  fs.mkdirSync(lockPath());
  const timer = setInterval(() => fs.utimesSync(lockPath(), new Date(), new Date()), 200);
  onTestFinished(() => clearInterval(timer));
  return () => {
    clearInterval(timer);
    fs.rmdirSync(lockPath());
  };
}

describe("within one process", () => {
  test("callers pass one at a time, in their order, even after one failed", async () => {
    const steps: string[] = [];
    const pass = (name: string) =>
      open().pass(async () => {
        steps.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        steps.push(`${name} ends`);
        if (name === "a") throw new Error("a fails");
        return name;
      });
    expect(await Promise.allSettled(["a", "b", "c"].map(pass))).toMatchObject([
      { status: "rejected" },
      { value: "b" },
      { value: "c" },
    ]);
    expect(steps).toEqual(["a", "b", "c"].flatMap((name) => [`${name} begins`, `${name} ends`]));
    expect(fs.existsSync(lockPath())).toBe(false);
  });

  test("callers that follow one another let the event loop turn between them", async () => {
    const turns: string[] = [];
    const pass = (name: string) =>
      open().pass(async () => {
        turns.push(name);
        setImmediate(() => turns.push(`turn after ${name}`));
      });
    await Promise.all([pass("a"), pass("b")]);
    await pass("c");
    expect(turns).toEqual(["a", "turn after a", "b", "turn after b", "c"]);
  });

  test("a commit that needs no lock lets the event loop turn", async () => {
    const store = new FileStore({ path, lockTimeoutMs: 20_000, isDurable: false });
    const change = async (document: RegistryDocument) => ({ document: { ...document }, result: undefined });
    await store.update(change);
    let hasTurned = false;
    setImmediate(() => {
      hasTurned = true;
    });
    await store.update(change, { isLockOptional: true });
    expect(hasTurned).toBe(true);
  });

  test("a caller that waits for too long learns the lock's owner", async () => {
    const done = Promise.withResolvers<void>();
    const first = open().pass(() => done.promise);
    const refused = open(50).pass(async () => "never");
    await expect(refused).rejects.toThrow(PortAssignmentTimeoutError);
    await expect(refused).rejects.toMatchObject({ lockOwner: expect.stringContaining(`process ${process.pid} on `) });
    done.resolve();
    await first;
  });
});

describe("between processes", () => {
  test("a waiter gets the lock when its owner releases it", async () => {
    const done = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const first = open().pass(() => {
      begun.resolve();
      return done.promise;
    });
    await begun.promise;
    // By another name, as another process: within this one they would wait for each other first.
    const second = open(20_000, `${directory}/./port-registry.json`).pass(async () => "second");
    await expect.poll(tickets, { timeout: 10_000 }).toHaveLength(1);
    done.resolve();
    await first;
    expect(await second).toBe("second");
    expect(tickets()).toEqual([]);
  });

  test("a waiter that is called while the lock stays taken returns to its former place", async () => {
    const giveBack = holdLock();
    const passing = open().pass(async () => "mine");
    await expect.poll(tickets, { timeout: 10_000 }).toHaveLength(1);
    const [before] = tickets();
    queue().callNext();
    await expect.poll(() => tickets().filter((name) => name !== before), { timeout: 10_000 }).toHaveLength(1);
    expect(arrivalOf(tickets()[0])).toBe(arrivalOf(before));
    giveBack();
    expect(await passing).toBe("mine");
  });

  test("a waiter whose time-out ends gives up its place", async () => {
    fs.mkdirSync(lockPath());
    await expect(open(50).pass(async () => "never")).rejects.toMatchObject({
      code: "PORT_ASSIGNMENT_TIMEOUT",
      lockPath: lockPath(),
      timeoutMs: 50,
    });
    expect(tickets()).toEqual([]);
  });

  describe("R12: a waiter whose time-out would end", () => {
    const TIMEOUT_MS = 100_000;

    let aheadMs = 0;
    beforeEach(() => {
      const now = performance.now.bind(performance);
      aheadMs = 0;
      vi.spyOn(performance, "now").mockImplementation(() => now() + aheadMs);
      onTestFinished(() => void vi.restoreAllMocks());
    });

    /** Lets time pass, and changes the lock at that moment. */
    function pass(timeMs: number, change: () => void): void {
      aheadMs += timeMs;
      change();
    }

    /** Until the waiter has checked the lock. */
    async function looked(): Promise<void> {
      const look = vi.spyOn(fs, "lstatSync");
      await expect.poll(() => look.mock.calls.filter(([at]) => at === lockPath()).length).toBeGreaterThan(1);
      look.mockRestore();
    }

    /** Another process takes the lock the moment it is released. */
    function changeHands(): void {
      fs.mkdirSync(`${path}.next`);
      fs.renameSync(`${path}.next`, lockPath());
    }

    function refresh(): void {
      fs.utimesSync(lockPath(), new Date(), new Date());
    }

    test("waits on while others pass, and so do those behind it in its process", async () => {
      fs.mkdirSync(lockPath());
      const waiting = [open(TIMEOUT_MS).pass(async () => "first"), open(TIMEOUT_MS).pass(async () => "second")];
      await looked();
      for (let round = 0; round < 3; round++) {
        pass(TIMEOUT_MS * 0.9, changeHands);
        await looked();
      }
      fs.rmdirSync(lockPath());
      expect(await Promise.all(waiting)).toEqual(["first", "second"]);
    });

    test.each([
      ["the lock is only refreshed", 1.1, refresh],
      ["it has waited for several time-outs", 7, changeHands],
    ])("gives up when %s", async (_, factor, change) => {
      fs.mkdirSync(lockPath());
      const refused = expect(open(TIMEOUT_MS).pass(async () => "never")).rejects.toThrow(PortAssignmentTimeoutError);
      await looked();
      pass(TIMEOUT_MS * factor, change);
      await refused;
    });
  });

  test("a lock that is not refreshed is taken over", async () => {
    fs.mkdirSync(lockPath());
    const past = Date.now() / 1_000 - 60;
    fs.utimesSync(lockPath(), past, past);
    expect(await open().pass(async () => "taken over")).toBe("taken over");
    expect(fs.existsSync(lockPath())).toBe(false);
  });

  test("a lock that another process took over meanwhile is left to it", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const result = await open().pass(async () => {
      fs.rmdirSync(lockPath());
      fs.mkdirSync(lockPath());
      fs.utimesSync(lockPath(), 1, 1);
      await vi.advanceTimersByTimeAsync(STALE_MS);
      return "done";
    });
    expect(result).toBe("done");
    expect(fs.existsSync(lockPath())).toBe(true);
  });
});

describe("the waiters of other processes", () => {
  test("are called at the end if one has waited for long", async () => {
    const ticket = await open().pass(async () => queue().join(now() - 60_000));
    expect(ticket?.isCalled()).toBe(true);
  });

  test("are not called before the lock is released, however long one has waited", async () => {
    using ticket = queue().join(now() - 60_000);
    expect(await open().pass(async () => ticket?.isCalled())).toBe(false);
    expect(ticket?.isCalled()).toBe(true);
  });

  test("are called when this process has passed for the last time", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const passing = open().pass(async () => queue().join(now()));
    const again = open().pass(async () => void (await vi.advanceTimersByTimeAsync(10)));
    using ticket = await passing;
    await again;
    await vi.advanceTimersByTimeAsync(10);
    expect(ticket?.isCalled()).toBe(true);
  });

  test("are not passed by a commit that needs no lock once one has waited for long", () => {
    expect(open().isPassable).toBe(true);
    using ticket = queue().join(now() - 60_000);
    expect([ticket?.isCalled(), open().isPassable]).toEqual([false, false]);
  });
});

test("beside the Python tool, or if that is unknown, every commit needs the lock", () => {
  fs.writeFileSync(fileNames(path).neighbourLock, "");
  expect(open().isPassable).toBe(false);
  expect(open(50, join(directory, `${"x".repeat(300)}.json`)).isPassable).toBe(false);
});

test("a lock in a directory that does not exist is an error at once", async () => {
  const missing = join(directory, "missing", "port-registry.json");
  const refused = open(20_000, missing).pass(async () => "never");
  await expect(refused).rejects.toThrow(RegistryAccessError);
  await expect(refused).rejects.toThrow("ENOENT");
});
