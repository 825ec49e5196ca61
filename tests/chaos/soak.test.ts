import fs from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname } from "node:path";
import { expect, test } from "vitest";
import type { ContainerOrder, Remains } from "../fixtures/container-worker.ts";
import { ContainerBench } from "../helpers/container-bench.ts";
import { Program } from "../helpers/processes.ts";
import { repetitions, report } from "./figures.ts";
import { audit } from "./storm-audit.ts";

const PROCESSES = 4;
const CYCLES = repetitions(40, 2_000);
/** A cycle may take so long on a machine that is busy. */
const CYCLE_MS = 4_000;
/** What a runtime may gather without leaking: it is the growth between the first and the last look that counts. */
const HEAP_SLACK = 12 * 2 ** 20;
/** The engine's connections, which are kept for a few seconds. */
const DESCRIPTOR_SLACK = 8;
/** Testcontainers keeps its connections for a while; nothing else may keep a process that has stopped everything. */
const EXIT_MS = 15_000;

test(`${CYCLES} starts and stops by ${PROCESSES} processes leave nothing behind`, {
  timeout: 120_000 + (CYCLES * CYCLE_MS) / 2,
}, async () => {
  const bench = await ContainerBench.create(4);
  const temporary = temporaryFiles();
  const workers = Array.from({ length: PROCESSES }, (_, worker) => {
    const order: ContainerOrder = {
      image: bench.image,
      registryPath: bench.registryPath,
      portRange: bench.range,
      // Two share a project: they join each other's container, or find it going.
      project: bench.project(`soak-${Math.min(worker, 2)}`),
      name: `soak-${worker}`,
      cycles: CYCLES / PROCESSES,
    };
    return Program.node("container-worker.ts", [JSON.stringify(order)]);
  });
  const ended = await Promise.all(workers.map(lastedAfterItsWork));
  const { violations, acquisitions, operations } = audit(workers, []);
  const remains = workers.map(({ lines }) => remainsIn(lines));
  const growth = (of: (remains: Remains) => number) =>
    remains.map((looks) => of(looks.at(-1) as Remains) - of(looks[0] as Remains));
  const heapGrowthKb = Math.round(Math.max(...growth(({ heap }) => heap)) / 1_024);
  const descriptorGrowth = Math.max(...growth(({ descriptors }) => descriptors));
  const exitMs = Math.round(Math.max(...ended));
  report("soak", { cycles: operations, heapGrowthKb, descriptorGrowth, exitMs, violations: violations.length });
  expect(violations.slice(0, 10)).toEqual([]);
  expect(acquisitions).toBe(CYCLES);
  expect(heapGrowthKb * 1_024, JSON.stringify(remains)).toBeLessThan(HEAP_SLACK);
  expect(descriptorGrowth, JSON.stringify(remains)).toBeLessThanOrEqual(DESCRIPTOR_SLACK);
  for (const looks of remains)
    expect(timersOf(looks.at(-1)), JSON.stringify(looks)).toBeLessThanOrEqual(timersOf(looks[0]) + 2);
  expect(exitMs).toBeLessThan(EXIT_MS);
  await bench.expectNothingLeft();
  expect(fs.readdirSync(`${bench.registryPath}.commit`).length).toBeLessThanOrEqual(3);
  const queue = `${bench.registryPath}.queue`;
  // It is made where two processes met.
  if (fs.existsSync(queue)) expect(fs.readdirSync(queue)).toEqual([]);
  expect(fs.readdirSync(dirname(bench.registryPath)).filter((name) => name !== basename(queue))).toEqual([
    basename(bench.registryPath),
    `${basename(bench.registryPath)}.commit`,
    "projects",
  ]);
  expect(temporaryFiles().filter((name) => !temporary.includes(name))).toEqual([]);
});

/** Waits for the end of a process, and tells how long it lasted after its last cycle, in milliseconds. */
async function lastedAfterItsWork(program: Program): Promise<number> {
  for (;;) {
    const line = await program.nextLine();
    if (line === undefined) throw new Error(`it ended early: ${(await program.ended()).stderr}`);
    if (line.startsWith("r ") && (JSON.parse(line.slice(2)) as Remains).cycle === CYCLES / PROCESSES) break;
  }
  const before = performance.now();
  await program.output();
  return performance.now() - before;
}

function remainsIn(lines: readonly string[]): readonly Remains[] {
  return lines.filter((line) => line.startsWith("r ")).map((line) => JSON.parse(line.slice(2)) as Remains);
}

function timersOf(remains: Remains | undefined): number {
  return remains?.resources.filter((resource) => resource === "Timeout" || resource === "Immediate").length ?? 0;
}

/** What Testcontainers or we might leave in the system's directory; other tests have names of their own there. */
function temporaryFiles(): readonly string[] {
  return fs.readdirSync(tmpdir()).filter((name) => /^(testcontainers|iris-ports(?!-))/.test(name));
}
