import { once } from "node:events";
import fs from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { fileNames } from "../../src/stores/file-names.ts";
import { now, TicketQueue } from "../../src/stores/ticket-queue.ts";
import { IdleProcess, Program } from "../helpers/processes.ts";
import { TestRegistry, temporaryDirectory } from "../helpers/registry.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const pidNamespace = () => /\d+/.exec(fs.readlinkSync("/proc/self/ns/pid"))?.[0] as string;

/** A ticket of a process, as that process would have written it. */
function writeTicket(directory: string, pid: number, arrivedAt = now() - 60_000, namespace = pidNamespace()): string {
  const name = `${String(Math.round(arrivedAt * 1_000)).padStart(17, "0")}.${pid}.${namespace}.0123456789ab`;
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(join(directory, name), "");
  return join(directory, name);
}

const isLinux = process.platform === "linux";

test("a call wakes only the first in the queue", async () => {
  const queue = new TicketQueue(join(temporaryDirectory(), "queue"));
  using first = queue.join(now());
  using second = queue.join(now() + 1);
  expect(queue.state()).not.toBe("empty");
  const woken = first?.sleep();
  queue.callNext();
  await woken;
  expect([first?.isCalled(), second?.isCalled()]).toEqual([true, false]);
});

test("the first in the queue is due after a while, and newcomers then queue", () => {
  const queue = new TicketQueue(join(temporaryDirectory(), "queue"));
  const clock = vi.spyOn(performance, "now").mockReturnValue(1_000);
  using _ = queue.join(now());
  expect(queue.state()).toBe("waiting");
  clock.mockReturnValue(2_000);
  expect(queue.state()).toBe("due");
});

test("a waiter that returns after a call has its former place", () => {
  const queue = new TicketQueue(join(temporaryDirectory(), "queue"));
  const arrivedAt = now() - 60_000;
  using later = queue.join(now());
  using again = queue.join(arrivedAt);
  expect(queue.state()).toBe("due");
  queue.callNext();
  expect([later?.isCalled(), again?.isCalled()]).toEqual([false, true]);
});

test.runIf(isLinux)("the tickets of dead processes are skipped and removed", async () => {
  const directory = join(temporaryDirectory(), "queue");
  const dead = await IdleProcess.start();
  await dead.kill();
  const left = [1, 2].map((index) => writeTicket(directory, dead.identity.pid, now() - index * 1_000));
  const queue = new TicketQueue(directory);
  using living = queue.join(now());
  queue.callNext();
  expect(living?.isCalled()).toBe(true);
  expect(left.filter((path) => fs.existsSync(path))).toEqual([]);
});

test("files of other programs are neither called nor removed", () => {
  const directory = join(temporaryDirectory(), "queue");
  fs.mkdirSync(directory);
  const strange = Array.from({ length: 50 }, (_, index) => join(directory, `stranger-${index}`));
  for (const path of strange) fs.writeFileSync(path, "");
  const queue = new TicketQueue(directory);
  expect(queue.state()).toBe("empty");
  using mine = queue.join(now());
  queue.callNext();
  expect(mine?.isCalled()).toBe(true);
  expect(strange.every((path) => fs.existsSync(path))).toBe(true);
});

test("a process without a ticket does not wait in vain", async () => {
  const directory = join(temporaryDirectory(), "queue");
  fs.writeFileSync(directory, "");
  const queue = new TicketQueue(directory);
  expect(queue.join(now())).toBeUndefined();
  queue.callNext();
  expect(queue.state()).toBe("empty");
});

test("a process does not wait in vain if the registry's directory is missing", () => {
  expect(new TicketQueue(join(temporaryDirectory(), "missing", "queue")).join(now())).toBeUndefined();
});

test("a queue that another process makes at the same time is joined", () => {
  const { mkdirSync } = fs;
  vi.spyOn(fs, "mkdirSync").mockImplementation(((path: string) => {
    mkdirSync(path);
    mkdirSync(path);
  }) as typeof fs.mkdirSync);
  const queue = new TicketQueue(join(temporaryDirectory(), "queue"));
  using mine = queue.join(now());
  expect(mine?.isCalled()).toBe(false);
});

test("a call before a waiter sleeps is not missed", async () => {
  const directory = join(temporaryDirectory(), "queue");
  const queue = new TicketQueue(directory);
  using ticket = queue.join(now());
  const watcher = fs.watch(join(directory, fs.readdirSync(directory)[0] as string));
  const noticed = once(watcher, "change");
  queue.callNext();
  await noticed;
  watcher.close();
  await ticket?.sleep();
  expect(ticket?.isCalled()).toBe(true);
});

test("a waiter checks by itself if the system watches no more files", async () => {
  vi.spyOn(fs, "watch").mockImplementation(() => {
    throw Object.assign(new Error("ENOSPC: the limit for watchers is reached"), { code: "ENOSPC" });
  });
  const queue = new TicketQueue(join(temporaryDirectory(), "queue"));
  using ticket = queue.join(now());
  const woken = ticket?.sleep();
  queue.callNext();
  await woken;
  expect(ticket?.isCalled()).toBe(true);
});

test("a waiter sleeps in a queue that cannot be read", async () => {
  const queue = new TicketQueue(join(temporaryDirectory(), "queue"));
  using ticket = queue.join(now());
  vi.spyOn(fs, "readdirSync").mockImplementation(() => {
    throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
  });
  const order: string[] = [];
  const slept = ticket?.sleep().then(() => order.push("slept"));
  await new Promise((resolve) => setImmediate(resolve));
  order.push("another turn of the event loop");
  await slept;
  expect(order).toEqual(["another turn of the event loop", "slept"]);
});

test.runIf(isLinux)(
  "a waiter of another pid namespace is called, although its process cannot be observed",
  async () => {
    const directory = join(temporaryDirectory(), "queue");
    const dead = await IdleProcess.start();
    await dead.kill();
    const first = writeTicket(directory, dead.identity.pid, undefined, "1");
    const queue = new TicketQueue(directory);
    using second = queue.join(now());
    queue.callNext();
    expect([fs.existsSync(first), second?.isCalled()]).toEqual([false, false]);
  },
);

test.runIf(isLinux).each([
  ["cannot be removed", (path: string) => fs.mkdirSync(path)],
  ["another process has just called", (path: string) => fs.writeFileSync(path, "")],
])("the next in line is called where the first ticket is one that %s", (name, make) => {
  const directory = join(temporaryDirectory(), "queue");
  const queue = new TicketQueue(directory);
  using mine = queue.join(now());
  const first = writeTicket(directory, process.pid);
  fs.rmSync(first);
  make(first);
  const { unlinkSync } = fs;
  vi.spyOn(fs, "unlinkSync").mockImplementation((path) => {
    if (path === first && name.includes("another")) unlinkSync(path);
    unlinkSync(path);
  });
  queue.callNext();
  expect(mine?.isCalled()).toBe(true);
});

test("a ticket that cannot be removed by its waiter is no error", () => {
  const directory = join(temporaryDirectory(), "queue");
  const ticket = new TicketQueue(directory).join(now());
  const path = join(directory, fs.readdirSync(directory)[0] as string);
  fs.rmSync(path);
  fs.mkdirSync(path);
  expect(() => ticket?.[Symbol.dispose]()).not.toThrow();
  expect(fs.existsSync(path)).toBe(true);
});

test.each([
  ["reports no pid namespaces", () => "pid:"],
  [
    "has no pid namespaces",
    () => {
      throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
    },
  ],
])("a system that %s stands for one namespace", async (_, readlink) => {
  vi.resetModules();
  vi.spyOn(fs, "readlinkSync").mockImplementation(readlink);
  const { TicketQueue: Queue } = await import("../../src/stores/ticket-queue.ts");
  const directory = join(temporaryDirectory(), "queue");
  using ticket = new Queue(directory).join(now());
  expect(fs.readdirSync(directory)[0]).toContain(`.${process.pid}.${process.platform}.`);
  new Queue(directory).callNext();
  expect(ticket?.isCalled()).toBe(true);
});

type Obstacle = readonly [name: string, make: (queue: string) => void];
/** Also where a ticket comes into the directory meanwhile. */
function deleteQueue(queue: string): void {
  fs.rmSync(queue, { recursive: true, force: true, maxRetries: 100 });
}

const OBSTACLES: readonly Obstacle[] = [
  ["is deleted again and again", deleteQueue],
  ["is a file", deleteQueue],
  ["is a symbolic link", deleteQueue],
  ["has a first ticket of a process that never takes its turn", (queue) => void writeTicket(queue, process.ppid)],
];

test.runIf(isLinux).each(OBSTACLES)("D7: processes get their turns while the queue %s", async (name, make) => {
  const machine = await TestRegistry.create(8);
  const { queue } = fileNames(machine.path);
  await machine.open().assignPort(machine.project("a"));
  make(queue);
  if (name.includes("file")) fs.writeFileSync(queue, "");
  const elsewhere = temporaryDirectory();
  if (name.includes("link")) fs.symlinkSync(elsewhere, queue);
  const programs = Array.from({ length: 6 }, (_, index) =>
    Program.node("assigner.ts", [machine.path, machine.range.join("-"), `/p/${index}`, "--lock", 50_000, "--stay"]),
  );
  let isDone = false;
  const disturb = async () => {
    while (!isDone) {
      if (name.includes("deleted") || name.includes("ticket")) make(queue);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const disturbed = disturb();
  const lines = await Promise.all(programs.map((program) => program.nextLine()));
  isDone = true;
  await disturbed;
  expect(new Set(lines.map((line) => JSON.parse(String(line)).port)).size).toBe(6);
  expect(fs.readdirSync(elsewhere)).toEqual([]);
});
