import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { StormOrder } from "../fixtures/storm-worker.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { Program } from "../helpers/processes.ts";
import { RedisServer } from "../helpers/redis-server.ts";
import { temporaryDirectory } from "../helpers/registry.ts";
import { durationMs, isLongRun, report, SEED } from "./figures.ts";
import { audit } from "./storm-audit.ts";
import { type Torment, Tormented } from "./tormented.ts";

const TORMENT: Torment = { killRate: 0.012, stopRate: 0.02, longestStopMs: 3_000 };
const LEASE_MS = 3_000;
/** How many assignments, and how many blows, a storm has at least. */
const LEAST = 4;

type Weather = { readonly server: RedisServer; readonly isOver: () => boolean };

/** Processes that use one pool while they, and by `weather` the server, are killed and stopped. */
async function storm(name: string, server: RedisServer, weather?: (storm: Weather) => Promise<number>): Promise<void> {
  const portRange = await freePorts(8);
  const directory = temporaryDirectory();
  const lastsMs = durationMs(12_000);
  const places = Array.from({ length: isLongRun ? 8 : 4 }, (_, worker) => {
    const start = (life: number) => {
      const order: StormOrder = {
        registryPath: server.url(),
        portRange,
        name: `worker-${worker}-${life}`,
        ownProjects: ["a", "b"].map((own) => `${directory}/own-${worker}-${own}`),
        sharedProjects: [1, 2, 3].map((shared) => `${directory}/shared-${shared}`),
        incidentRate: 0,
        seed: SEED + 1_000 * worker + life,
        leaseMs: LEASE_MS,
      };
      return Program.node("storm-worker.ts", [JSON.stringify(order)]);
    };
    return new Tormented(start, TORMENT, SEED + worker);
  });
  const deadline = performance.now() + lastsMs;
  const blows = (kind: "kills" | "stops") => places.reduce((sum, place) => sum + place.blows[kind], 0);
  const acquisitions = () => places.reduce((sum, place) => sum + place.count("+ "), 0);
  // On a busy machine it takes longer until enough has happened.
  const isOver = () =>
    performance.now() > deadline && Math.min(acquisitions(), blows("kills") + blows("stops")) >= LEAST;
  const [serverBlows = 0] = await Promise.all([
    weather?.({ server, isOver: () => performance.now() > deadline - LEASE_MS }),
    ...places.map((place) => place.until(isOver)),
  ]);
  const { violations, endings, ...counts } = audit(
    places.flatMap((place) => place.testimonies),
    [],
  );
  // A holder asserts what it holds a moment after the server has lost it; until then the document does not have it.
  const isExplained = (line: string) => /the document says undefined|PortNotAssignedError/.test(line);
  const unexplained = violations.filter((line) => weather === undefined || !isExplained(line));
  report(name, {
    ...counts,
    kills: blows("kills"),
    stops: blows("stops"),
    serverBlows,
    violations: unexplained.length,
  });
  console.log(`${name}: ${JSON.stringify(endings)}`);
  expect(unexplained.slice(0, 20)).toEqual([]);
  expect(Math.min(counts.acquisitions, blows("kills") + blows("stops"))).toBeGreaterThanOrEqual(LEAST);
}

describe("D9: a storm on a Redis server", { timeout: durationMs(15_000) + 120_000 }, () => {
  test("of processes that are killed and stopped", async () => {
    await storm("redis storm", await RedisServer.start());
  });

  test("whose server is killed, stopped, and started again with what it had written", async () => {
    await storm("redis storm with restarts", await RedisServer.start(), async ({ server, isOver }) => {
      let blows = 0;
      for (; !isOver(); blows++) {
        await delay(isLongRun ? 12_000 : 6_000);
        if (blows % 2 === 0) server.suspend();
        else await server.kill();
        await delay(500);
        if (blows % 2 === 0) server.continue();
        else await server.start();
      }
      return blows;
    });
  });

  test("whose server forgets everything", async () => {
    const server = await RedisServer.volatile();
    await storm("redis storm with lost data", server, async ({ isOver }) => {
      let blows = 0;
      for (; !isOver(); blows++) {
        await delay(isLongRun ? 15_000 : 5_000);
        if (blows % 2 === 0) await server.command("FLUSHALL");
        else {
          await server.kill();
          await server.start();
        }
      }
      return blows;
    });
  });
});
