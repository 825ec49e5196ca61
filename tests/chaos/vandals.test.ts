import fs from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { KeeperOrder } from "../fixtures/keeper.ts";
import { seededRandom } from "../fixtures/random.ts";
import { Program } from "../helpers/processes.ts";
import { TestRegistry } from "../helpers/registry.ts";
import { durationMs, report, SEED } from "./figures.ts";
import { audit } from "./storm-audit.ts";
import { Tormented } from "./tormented.ts";

/** How many turns of keepers, and how many kinds of damage, there are at least. */
const LEAST = 4;
const EXPECTED = ["ENOENT", "ENOTEMPTY", "EEXIST", "PORT_ASSIGNMENT_TIMEOUT"];

/** Someone who damages one part of a registry at a time, and waits until the next commit has mended it. */
class Vandal {
  readonly #machine: TestRegistry;
  readonly #random = seededRandom(SEED);
  readonly #backups: Buffer[] = [];
  readonly done: Record<string, number> = {};

  constructor(machine: TestRegistry) {
    this.#machine = machine;
  }

  get #path(): string {
    return this.#machine.path;
  }

  /** Copies of all files; those of earlier copies stay. */
  get #saved(): string {
    return join(this.#machine.directory, "projects", "saved");
  }

  get #commits(): string {
    return `${this.#path}.commit`;
  }

  readonly #deeds: Readonly<Record<string, () => unknown>> = {
    deleted: () => fs.rmSync(this.#path, { force: true }),
    emptied: () => fs.writeFileSync(this.#path, ""),
    halved: () => {
      const bytes = fs.readFileSync(this.#path);
      fs.writeFileSync(this.#path, bytes.subarray(0, Math.floor(this.#random() * bytes.length * 0.99)));
    },
    begun: () => fs.writeFileSync(this.#path, '{"schema_version": "1.0", "assignments": []}'),
    restored: () => fs.writeFileSync(this.#path, this.#backup()),
    replaced: () => {
      fs.writeFileSync(`${this.#path}.backup`, this.#backup());
      fs.renameSync(`${this.#path}.backup`, this.#path);
    },
    "commits deleted": () => fs.rmSync(this.#commits, { recursive: true, force: true }),
    "commits moved": () => fs.renameSync(this.#commits, `${this.#machine.directory}/commits-${Math.random()}`),
    "commits restored": () => {
      const old = fs.readdirSync(this.#machine.directory).filter((name) => name.startsWith("commits-"));
      const one = old[Math.floor(this.#random() * old.length)];
      if (one === undefined) return;
      fs.renameSync(this.#commits, `${this.#machine.directory}/commits-${Math.random()}`);
      fs.renameSync(`${this.#machine.directory}/${one}`, this.#commits);
    },
    "head deleted": () => {
      for (const name of fs.readdirSync(this.#commits))
        if (name.startsWith("head.")) fs.rmSync(`${this.#commits}/${name}`, { force: true });
    },
    "lock deleted": () => fs.rmSync(`${this.#path}.lock`, { recursive: true, force: true }),
    "queue deleted": () => fs.rmSync(`${this.#path}.queue`, { recursive: true, force: true }),
    "all saved": () => {
      fs.cpSync(this.#commits, `${this.#saved}/commits`, { recursive: true });
      fs.copyFileSync(this.#path, `${this.#saved}/document`);
    },
    "all copied over": () => {
      fs.copyFileSync(`${this.#saved}/document`, this.#path);
      fs.cpSync(`${this.#saved}/commits`, this.#commits, { recursive: true });
    },
    repaired: () => this.#machine.open({ probe: async () => true }).rebuild(),
    cleaned: () => this.#machine.open({ probe: async () => true }).cleanupStale(),
  };

  #backup(): Buffer {
    return this.#backups[Math.floor(this.#random() * this.#backups.length)] ?? Buffer.from("");
  }

  async rage(isOver: () => boolean): Promise<void> {
    const names = Object.keys(this.#deeds);
    while (!isOver()) {
      await delay(10 + 60 * this.#random());
      if (!this.#isHealthy()) continue;
      if (this.#random() < 0.3) this.#backups.push(fs.readFileSync(this.#path));
      const name = names[Math.floor(this.#random() * names.length)] as string;
      try {
        await this.#deeds[name]?.();
        this.done[name] = (this.done[name] ?? 0) + 1;
      } catch (cause) {
        // The keepers are at work in the same place.
        if (!EXPECTED.includes((cause as NodeJS.ErrnoException).code ?? "")) throw cause;
      }
    }
  }

  /** The document is that of the only head, whose version is kept as well. */
  #isHealthy(): boolean {
    try {
      const { revision, commit } = JSON.parse(fs.readFileSync(this.#path, "utf8")).iris_ports;
      const names = fs.readdirSync(this.#commits);
      if (names.filter((name) => name.startsWith("head.")).length > 1) return false;
      return ["head", "copy"].every((kind) => names.includes(`${kind}.${revision}.${commit}`));
    } catch {
      return false;
    }
  }
}

describe("D3, D4: while files of the registry are damaged, deleted and restored", () => {
  const lastsMs = durationMs(12_000);
  test("no live holder loses its port", { timeout: lastsMs + 90_000 }, async () => {
    const machine = await TestRegistry.create(6);
    machine.now = new Date();
    const projects = ["a", "b", "c", "d", "e", "f", "g"].map((name) => machine.project(name));
    const places = Array.from({ length: 4 }, (_, worker) => {
      const start = (life: number) => {
        const order: KeeperOrder = {
          registryPath: machine.path,
          portRange: machine.range,
          name: `keeper-${worker}-${life}`,
          projects,
          incidentRate: 0.003,
          seed: SEED + 1_000 * worker + life,
        };
        return Program.node("keeper.ts", [JSON.stringify(order)]);
      };
      return new Tormented(start, { killRate: 0.004, stopRate: 0.02, longestStopMs: 4_000 }, SEED + worker);
    });
    const vandal = new Vandal(machine);
    const deadline = performance.now() + lastsMs;
    const kept = () => places.reduce((sum, place) => sum + place.count(". kept"), 0);
    const isOver = () => performance.now() > deadline && kept() >= LEAST && Object.keys(vandal.done).length >= LEAST;
    await Promise.all([vandal.rage(isOver), ...places.map((place) => place.until(isOver))]);
    const { violations, endings, ...counts } = audit(
      places.flatMap((place) => place.testimonies),
      [],
    );
    const { acquisitions, operations } = counts;
    const damages = Object.values(vandal.done).reduce((sum, count) => sum + count, 0);
    report("vandals", { acquisitions, operations, damages, violations: violations.length });
    console.log(`vandals: CHAOS_SEED=${SEED} ${JSON.stringify({ endings, done: vandal.done })}`);
    expect(violations.slice(0, 20)).toEqual([]);
    const registry = machine.open({ probe: async () => true });
    await registry.cleanupStale();
    expect(await registry.listAll()).toEqual([]);
  });
});
