import { setTimeout as delay } from "node:timers/promises";
import { seededRandom } from "../fixtures/random.ts";
import type { Program } from "../helpers/processes.ts";
import type { Testimony } from "./storm-audit.ts";

/** How likely a process is hit in a tenth of a second, and how long it is stopped at most. */
export type Torment = { readonly killRate: number; readonly stopRate: number; readonly longestStopMs: number };

/** How often processes were hit, by themselves or from outside. */
export type Blows = { kills: number; stops: number };

const BEAT_MS = 100;

/** One place for a process, which is started again whenever it was killed, until the time is over. */
export class Tormented {
  readonly testimonies: Testimony[] = [];
  readonly blows: Blows = { kills: 0, stops: 0 };
  readonly #start: (life: number) => Program;
  readonly #torment: Torment;
  readonly #random: () => number;
  #program: Program | undefined;
  #struckAt: bigint | undefined;

  constructor(start: (life: number) => Program, torment: Torment, seed: number) {
    this.#start = start;
    this.#torment = torment;
    this.#random = seededRandom(seed);
  }

  async until(isOver: () => boolean): Promise<void> {
    for (let life = 1; !isOver(); life++) await this.#live(this.#start(life), isOver);
  }

  /** How many lines of what its processes have printed so far begin so. */
  count(beginning: string): number {
    const printed = [...this.testimonies, ...(this.#program === undefined ? [] : [this.#program])];
    return printed.reduce((sum, { lines }) => sum + lines.filter((line) => line.startsWith(beginning)).length, 0);
  }

  /** Kills or stops the process in this place, if it is the one that is meant. */
  strike(pid: number): void {
    const program = this.#program;
    if (program?.child.pid !== pid || !program.isRunning) return;
    if (this.#random() < 0.3) {
      this.#struckAt = this.#kill(program);
      return;
    }
    program.signal("SIGSTOP");
    this.blows.stops++;
  }

  async #live(program: Program, isOver: () => boolean): Promise<void> {
    let killedAt: bigint | undefined;
    this.#program = program;
    this.#struckAt = undefined;
    while (program.isRunning && !isOver()) {
      await delay(BEAT_MS * (0.5 + this.#random()));
      const dice = this.#random();
      if (dice < this.#torment.killRate) {
        killedAt = this.#kill(program);
        break;
      }
      if (dice < this.#torment.killRate + this.#torment.stopRate) await this.#stop(program);
      // It may have stopped itself.
      program.signal("SIGCONT");
    }
    killedAt ??= this.#struckAt ?? (await this.#end(program));
    await program.ended();
    const { lines } = program;
    this.blows.kills += lines.some((line) => line.startsWith("x ")) ? 1 : 0;
    this.blows.stops += lines.filter((line) => line === "z").length;
    this.testimonies.push({ lines, killedAt });
    this.#program = undefined;
  }

  async #stop(program: Program): Promise<void> {
    program.signal("SIGSTOP");
    this.blows.stops++;
    // Mostly for a moment, sometimes for longer than a lock lives.
    await delay(this.#torment.longestStopMs * this.#random() ** 3);
  }

  /** When it may have let go of what it held, at the earliest. */
  #kill(program: Program): bigint | undefined {
    if (!program.isRunning) return undefined;
    const at = process.hrtime.bigint();
    program.signal("SIGKILL");
    this.blows.kills++;
    return at;
  }

  /** Lets it end by itself; one that does not is killed. */
  async #end(program: Program): Promise<bigint | undefined> {
    if (!program.isRunning) return undefined;
    const at = process.hrtime.bigint();
    const budget = performance.now() + 20_000;
    program.signal("SIGTERM");
    while (program.isRunning) {
      program.signal(performance.now() < budget ? "SIGCONT" : "SIGKILL");
      await delay(20);
    }
    return at;
  }
}
