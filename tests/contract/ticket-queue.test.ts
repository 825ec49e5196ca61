import fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fileNames } from "../../src/stores/file-names.ts";
import { now, TicketQueue } from "../../src/stores/ticket-queue.ts";
import { IdleProcess, Program } from "../helpers/processes.ts";
import { TestRegistry, temporaryDirectory } from "../helpers/registry.ts";

/** A ticket of a process, as that process would have written it. */
function writeTicket(directory: string, pid: number, arrivedAt = now() - 60_000): string {
  const namespace = /\d+/.exec(fs.readlinkSync("/proc/self/ns/pid"))?.[0];
  const name = `${String(Math.round(arrivedAt * 1_000)).padStart(17, "0")}.${pid}.${namespace}.0123456789ab`;
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(join(directory, name), "");
  return join(directory, name);
}

const isLinux = process.platform === "linux";

test("a call wakes the first in line, and nobody else", async () => {
  const queue = new TicketQueue(join(temporaryDirectory(), "queue"));
  using first = queue.join(now());
  using second = queue.join(now() + 1);
  expect(queue.state()).toBe("waiting");
  const woken = first?.sleep();
  queue.callNext();
  await woken;
  expect([first?.isCalled(), second?.isCalled()]).toEqual([true, false]);
});

test("one who comes back after a call has its former place", () => {
  const queue = new TicketQueue(join(temporaryDirectory(), "queue"));
  const arrivedAt = now() - 60_000;
  using later = queue.join(now());
  using again = queue.join(arrivedAt);
  expect(queue.state()).toBe("due");
  queue.callNext();
  expect([later?.isCalled(), again?.isCalled()]).toEqual([false, true]);
});

test.runIf(isLinux)("the tickets of dead processes are passed over and removed", async () => {
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

test("files of strangers are neither called nor removed", () => {
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

test("where no ticket can be had, nobody waits in vain", async () => {
  const directory = join(temporaryDirectory(), "queue");
  fs.writeFileSync(directory, "");
  const queue = new TicketQueue(directory);
  expect(queue.join(now())).toBeUndefined();
  queue.callNext();
  expect(queue.state()).toBe("empty");
});

type Obstacle = readonly [name: string, make: (queue: string) => void];
const OBSTACLES: readonly Obstacle[] = [
  ["is deleted again and again", (queue) => fs.rmSync(queue, { recursive: true, force: true })],
  ["is a file", (queue) => fs.rmSync(queue, { recursive: true, force: true })],
  ["is a symbolic link", (queue) => fs.rmSync(queue, { recursive: true, force: true })],
  ["has a first ticket of a process that never comes", (queue) => void writeTicket(queue, process.ppid)],
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
