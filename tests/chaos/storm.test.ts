import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { LABEL_REGISTRY, PortRegistry } from "../../src/index.ts";
import { bindProbe } from "../../src/registry/host/port-probe.ts";
import { fileNames } from "../../src/stores/file-names.ts";
import { TicketQueue } from "../../src/stores/ticket-queue.ts";
import type { ContainerOrder } from "../fixtures/container-worker.ts";
import type { StormOrder } from "../fixtures/storm-worker.ts";
import { irisImage } from "../helpers/container-bench.ts";
import { docker, removeLabelled } from "../helpers/engine.ts";
import { Program } from "../helpers/processes.ts";
import { TestRegistry } from "../helpers/registry.ts";
import { durationMs, isLongRun, report, SEED } from "./figures.ts";
import { audit } from "./storm-audit.ts";
import { type Torment, Tormented } from "./tormented.ts";

const TORMENT: Torment = { killRate: 0.012, stopRate: 0.02, longestStopMs: 5_000 };
/** How many kills, stops, operations and samples a storm has at least. */
const LEAST = 4;
const FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/** A registry under a storm of operations, and an observer. */
class Storm {
  readonly machine: TestRegistry;
  readonly #places: Tormented[] = [];
  readonly #pids: number[] = [];
  /** How often a process was hit that was in the queue for the lock. */
  inLine = 0;

  constructor(machine: TestRegistry) {
    this.machine = machine;
  }

  addWorkers(count: number, env: Record<string, string> = {}): void {
    const sharedProjects = [1, 2, 3].map((n) => this.machine.project(`shared-${n}`));
    for (let worker = 0; worker < count; worker++) {
      const ownProjects = ["a", "b"].map((name) => this.machine.project(`own-${worker}-${name}`));
      this.#add((life) => {
        const order: StormOrder = {
          registryPath: this.machine.path,
          portRange: this.machine.range,
          name: `worker-${worker}-${life}`,
          ownProjects,
          sharedProjects,
          incidentRate: 0.0015,
          seed: SEED + 1_000 * worker + life,
        };
        return Program.node("storm-worker.ts", [JSON.stringify(order)], env);
      });
    }
  }

  /** Two of them share a container; the engine is asked for it. */
  async addContainers(): Promise<void> {
    const image = await irisImage();
    onTestFinished(() => removeLabelled(`${LABEL_REGISTRY}=${this.machine.path}`));
    for (const name of ["shop", "shop", "mill"]) {
      this.#add((life) => {
        const order: ContainerOrder = {
          image,
          registryPath: this.machine.path,
          portRange: this.machine.range,
          project: this.machine.project(`container-${name}`),
          name: `container-${this.#places.length}-${life}-${Math.random()}`,
          cycles: 0,
        };
        return Program.node("container-worker.ts", [JSON.stringify(order)]);
      });
    }
  }

  async rage(name: string, lastsMs: number): Promise<void> {
    const observer = Program.node("storm-observer.ts", [this.machine.path, isLongRun ? 15 : 4]);
    expect(await observer.nextLine()).toBe("up");
    // What the message of a time-out tells people to do. It keeps the storm going, and lets two into the critical section.
    const impatient = setInterval(() => fs.rmSync(`${this.machine.path}.lock`, { recursive: true, force: true }), 400);
    const deadline = performance.now() + lastsMs;
    const blows = (kind: "kills" | "stops") => this.#places.reduce((sum, place) => sum + place.blows[kind], 0);
    const operations = () => this.#places.reduce((sum, place) => sum + place.count(". "), 0);
    const samples = () => observer.lines.filter((line) => line.startsWith("s ")).length;
    // On a busy machine it takes longer until enough has happened.
    const isOver = () =>
      performance.now() > deadline && Math.min(blows("kills"), blows("stops"), operations(), samples()) >= LEAST;
    const strikes = setInterval(() => this.#strikeLine(), 150);
    await Promise.all(this.#places.map((place) => place.until(isOver)));
    clearInterval(impatient);
    clearInterval(strikes);
    observer.signal("SIGTERM");
    const watched = await observer.output();
    const { violations, endings, ...counts } = audit(
      this.#places.flatMap((place) => place.testimonies),
      watched,
    );
    const reads = Number(watched.at(-1)?.split(" ")[1]);
    const kills = blows("kills");
    const stops = blows("stops");
    report(name, { ...counts, reads, kills, stops, inLine: this.inLine, violations: violations.length });
    console.log(`${name}: ${JSON.stringify(endings)}`);
    expect(violations.slice(0, 20)).toEqual([]);
    expect(Math.min(kills, stops, counts.operations, counts.samples)).toBeGreaterThanOrEqual(LEAST);
  }

  /** The tickets that no call has removed: those of killed processes go with the next calls. */
  #livingTickets(): readonly string[] {
    new TicketQueue(fileNames(this.machine.path).queue).callNext();
    return fs.readdirSync(fileNames(this.machine.path).queue);
  }

  /** Hits the first, the middle or the last of the processes in the queue for the lock. */
  #strikeLine(): void {
    const { queue } = fileNames(this.machine.path);
    const tickets = fs.existsSync(queue) ? fs.readdirSync(queue).sort() : [];
    const place = [0, Math.floor(tickets.length / 2), tickets.length - 1][Math.floor(Math.random() * 3)] as number;
    const pid = Number(tickets[place]?.split(".")[1]);
    if (pid > 0) this.inLine++;
    for (const tormented of this.#places) tormented.strike(pid);
  }

  /** What libfaketime leaves of processes that are killed. */
  removeFaketimeFiles(): void {
    for (const pid of this.#pids)
      for (const name of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`])
        fs.rmSync(join("/dev/shm", name), { force: true });
  }

  #add(start: (life: number) => Program): void {
    const startNoted = (life: number) => {
      const program = start(life);
      this.#pids.push(program.child.pid as number);
      return program;
    };
    this.#places.push(new Tormented(startNoted, TORMENT, SEED + this.#places.length));
  }

  /** No process is left: one cleaning finds that, and every port is free again. */
  async expectAllReclaimed(): Promise<void> {
    const registry = this.machine.open();
    await registry.cleanupStale();
    const [first, last] = this.machine.range;
    expect(await registry.listAll()).toEqual([]);
    for (let port = first; port <= last; port++) expect(await bindProbe(port)).toBe(true);
    const files = fs.readdirSync(this.machine.directory).filter((name) => name !== "projects");
    const { commits, queue } = fileNames("port-registry.json");
    expect(files.filter((name) => name !== queue).sort()).toEqual(["port-registry.json", commits]);
    expect(fs.existsSync(fileNames(this.machine.path).queue) ? this.#livingTickets() : []).toEqual([]);
    // What killed writers left behind goes with the next commits.
    for (let commit = 0; commit < 64; commit++) {
      await registry.assignPort(this.machine.project("last"));
      await registry.releasePort(this.machine.project("last"));
    }
    expect(fs.readdirSync(`${this.machine.path}.commit`).length).toBeLessThanOrEqual(3);
  }
}

console.log(`storm: CHAOS_SEED=${SEED}`);

describe("D3, R6: a storm", () => {
  const lastsMs = durationMs(15_000);
  const timeout = lastsMs + 90_000;

  test("of processes that are killed, stopped past the lock's life, and set their clocks a day forward and back", {
    timeout,
  }, async () => {
    const storm = new Storm(await TestRegistry.create(8));
    storm.machine.now = new Date();
    storm.addWorkers(isLongRun ? 8 : 6);
    await storm.rage("storm", lastsMs);
    await storm.expectAllReclaimed();
  });

  test.runIf(isLongRun)("of containers that start, are joined and stop meanwhile", { timeout }, async () => {
    const storm = new Storm(await TestRegistry.create(12));
    storm.machine.now = new Date();
    storm.addWorkers(3);
    await storm.addContainers();
    await storm.rage("storm of containers", lastsMs);
    const registry = new PortRegistry({ registryPath: storm.machine.path, portRange: storm.machine.range });
    await registry.cleanupStale();
    expect(await docker("ps", "--all", "--quiet", "--filter", `label=${LABEL_REGISTRY}=${storm.machine.path}`)).toBe(
      "",
    );
    await storm.expectAllReclaimed();
  });

  const isFaketimeHere = fs.existsSync(FAKETIME);
  if (isLongRun && !isFaketimeHere) console.log("storm: no libfaketime here (apt-get install faketime): skipped");

  test.runIf(isLongRun && isFaketimeHere)(
    "on a machine whose clock is set a day forward and back",
    {
      timeout,
    },
    async () => {
      const storm = new Storm(await TestRegistry.create(8));
      storm.machine.now = new Date();
      const clock = join(storm.machine.directory, "..", `clock-of-${process.pid}`);
      onTestFinished(() => {
        fs.rmSync(clock, { force: true });
        storm.removeFaketimeFiles();
      });
      const steps = setInterval(() => {
        fs.writeFileSync(`${clock}.new`, ["+0", "+1d", "-1d"][Math.floor(Math.random() * 3)] as string);
        fs.renameSync(`${clock}.new`, clock);
      }, 2_000);
      fs.writeFileSync(clock, "+0");
      storm.addWorkers(6, {
        LD_PRELOAD: FAKETIME,
        FAKETIME_TIMESTAMP_FILE: clock,
        FAKETIME_CACHE_DURATION: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        NO_FAKE_STAT: "1",
      });
      await storm.rage("storm with a stepping clock", lastsMs);
      clearInterval(steps);
      await storm.expectAllReclaimed();
    },
  );
});
