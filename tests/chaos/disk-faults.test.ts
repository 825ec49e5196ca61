import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FileStore } from "../../src/stores/file-store.ts";
import type { FaultReport } from "../fixtures/faulty-disk.ts";
import { Program } from "../helpers/processes.ts";
import { durationMs, isLongRun, report, SEED } from "./figures.ts";
import { memoryDirectory } from "./memory-directory.ts";

const ODD_DISK = new URL("../fixtures/odd-disk.ts", import.meta.url).href;
const CODES = isLongRun
  ? ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO", "ESTALE", "EBUSY", "ENOENT", "EMFILE"]
  : ["ENOSPC", "EIO"];

console.log(`disk: CHAOS_SEED=${SEED}`);

describe("when any call of the file system fails", () => {
  test.for(CODES)(
    "with %s, a clear error appears, nothing is lost, and the next operation works",
    {
      timeout: 300_000,
    },
    async (code) => {
      const order = { directory: memoryDirectory(), codes: [code] };
      const [line = ""] = await Program.node("faulty-disk.ts", [JSON.stringify(order)]).output();
      const { operations, faults, violations } = JSON.parse(line) as FaultReport;
      report(`disk: every call fails with ${code}`, { operations, faults, violations: violations.length });
      expect(violations.slice(0, 10)).toEqual([]);
      expect(faults).toBeGreaterThan(100);
    },
  );
});

describe("on a network file system that fails often", () => {
  const lastsMs = Math.min(durationMs(6_000), 120_000);

  test("no acknowledged commit is lost", { timeout: lastsMs + 60_000 }, async () => {
    const path = join(memoryDirectory(), "port-registry.json");
    const committers: { name: string; program: Program }[] = [];
    const deadline = performance.now() + lastsMs;
    const [acknowledged, refused] = [
      ({ lines }: Program) => lines.filter((line) => line.startsWith("ack")).length,
      ({ child }: Program) => (child.exitCode === null ? 0 : 1),
    ];
    const sum = (of: (program: Program) => number) => committers.reduce((total, { program }) => total + of(program), 0);
    // On a busy machine it takes longer until enough has happened.
    const isOver = () => performance.now() > deadline && Math.min(sum(acknowledged), sum(refused)) >= 4;
    const reader = Program.node("reader.ts", [path]);
    const locks = setInterval(() => fs.rmSync(`${path}.lock`, { recursive: true, force: true }), 20);
    const run = async (worker: number) => {
      for (let life = 1; !isOver(); life++) {
        const name = `worker-${worker}-${life}`;
        const seed = SEED + 1_000 * worker + life;
        const program = Program.node("committer.ts", [path, name, 0, "claimed:SIGSTOP:0.01", seed], {
          NODE_OPTIONS: `--import=${ODD_DISK}`,
          ODD_DISK: path,
          ODD_RATE: "0.002",
          ODD_SEED: String(seed),
        });
        committers.push({ name, program });
        // Claimed, and not published: others find it, if they can see it.
        const timer = setInterval(() => program.signal(isOver() ? "SIGKILL" : "SIGCONT"), 150);
        await program.ended();
        clearInterval(timer);
      }
    };
    await Promise.all(Array.from({ length: 5 }, (_, worker) => run(worker)));
    clearInterval(locks);
    reader.signal("SIGTERM");
    const { own } = (await new FileStore({ path, lockTimeoutMs: 15_000, isDurable: false }).read()).unknown;
    const violations = (await reader.output()).filter((line) => line.startsWith("wrong"));
    for (const { name, program } of committers) {
      const kept = Number(own.get(name) ?? 0);
      if (kept < acknowledged(program))
        violations.push(`${name}: ${kept} of ${acknowledged(program)} acknowledged commits are left`);
      violations.push(...program.lines.filter((line) => line.startsWith("lost")).map((line) => `${name}: ${line}`));
      const { code, stderr } = await program.ended();
      if (code !== null && !/^(RegistryAccessError|PortAssignmentTimeoutError): /m.test(stderr))
        violations.push(stderr.slice(0, 600));
    }
    const [operations, faults] = [sum(acknowledged), sum(refused)];
    report("disk: network file system", { operations, faults, violations: violations.length });
    expect(violations.slice(0, 10)).toEqual([]);
  });
});
