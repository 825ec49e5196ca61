import fs from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { DiskOrder } from "../fixtures/disk-worker.ts";
import { Program } from "../helpers/processes.ts";
import { durationMs, report } from "./figures.ts";
import { memoryDirectory } from "./memory-directory.ts";
import { RANGE } from "./on-disk.ts";

const NOBODY = 65_534;

/**
 * Lets workers run while `harm` is done to the files over and over, and `mend` at the end; then all must work again. On a
 * busy machine it takes longer until a worker has said `least`.
 */
async function amid(
  name: string,
  path: string,
  order: Partial<DiskOrder>,
  harm: (turn: number) => void,
  mend: () => void,
  least = "ok",
): Promise<readonly string[]> {
  const workers = ["one", "two", "three"].map((worker) => {
    const full: DiskOrder = { registryPath: path, portRange: RANGE, name: worker, ...order };
    return Program.node("disk-worker.ts", [JSON.stringify(full)]);
  });
  for (const worker of workers) await worker.nextLine();
  const deadline = performance.now() + Math.min(durationMs(2_500), 60_000);
  let faults = 0;
  while (performance.now() < deadline || !workers.some(({ lines }) => lines.includes(least))) {
    harm(faults++);
    await delay(5 + 60 * Math.random());
  }
  mend();
  for (const worker of workers) {
    const seen = worker.lines.length;
    // The first may be of a turn that began before; two that worked show that it works again.
    await expect
      .poll(() => worker.lines.slice(seen).filter((line) => line === "ok").length, { timeout: 20_000 })
      .toBeGreaterThan(1);
    worker.signal("SIGTERM");
    await worker.output();
  }
  const lines = workers.flatMap((worker) => worker.lines);
  const violations = lines.filter((line) => line.startsWith("!"));
  report(`disk: ${name}`, { operations: lines.length, faults, violations: violations.length });
  expect(violations.slice(0, 10)).toEqual([]);
  return lines;
}

describe.runIf(process.platform !== "win32")("while processes are at work", () => {
  test.runIf(process.getuid?.() === 0)("permissions are taken away and given back", async () => {
    const path = join(memoryDirectory(), "port-registry.json");
    fs.chownSync(dirname(path), NOBODY, NOBODY);
    const targets = [dirname(path), path, `${path}.commit`];
    const set = (target: string, mode: number) => fs.existsSync(target) && fs.chmodSync(target, mode);
    const harm = (turn: number) => {
      const target = targets[turn % 3] as string;
      set(target, [0o000, 0o500, 0o400, 0o700][Math.floor(turn / 3) % 4] as number);
    };
    const mend = () => targets.forEach((target) => void set(target, target === path ? 0o600 : 0o700));
    const heal = setInterval(mend, 47);
    const lines = await amid("permissions", path, { uid: NOBODY }, harm, mend, "REGISTRY_ACCESS").finally(() =>
      clearInterval(heal),
    );
    expect(lines).toContain("REGISTRY_ACCESS");
  });

  test("the lock is removed again and again without any effect", async () => {
    const path = join(memoryDirectory(), "port-registry.json");
    const saboteur = Program.node("lock-saboteur.ts", [`${path}.lock`]);
    const nothing = () => undefined;
    const lines = await amid("lock removed", path, {}, nothing, () => saboteur.signal("SIGTERM"));
    expect(new Set(lines)).toEqual(new Set(["ok"]));
  });

  test("the commit directory is deleted again and again: nothing that was acknowledged is lost", async () => {
    const path = join(memoryDirectory(), "port-registry.json");
    await amid(
      "commit directory deleted",
      path,
      {},
      () => remove(`${path}.commit`),
      () => undefined,
    );
  });

  test("the whole directory is deleted again and again: every operation works or says what is wrong", async () => {
    const path = join(memoryDirectory(), "registry", "port-registry.json");
    await amid(
      "directory deleted",
      path,
      { isErasable: true },
      () => remove(dirname(path)),
      () => undefined,
    );
    expect(fs.existsSync(path)).toBe(true);
  });

  test("the document is deleted again and again: a new one is begun", async () => {
    const path = join(memoryDirectory(), "registry", "port-registry.json");
    await amid(
      "document deleted",
      path,
      { isErasable: true },
      () => remove(path),
      () => undefined,
    );
    expect(fs.existsSync(path)).toBe(true);
  });
});

/** They may be making files in it just now. */
function remove(path: string): void {
  try {
    fs.rmSync(path, { recursive: true, force: true });
  } catch (cause) {
    expect((cause as NodeJS.ErrnoException).code).toBe("ENOTEMPTY");
  }
}
