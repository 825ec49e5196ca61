import { describe, expect, test } from "vitest";
import { type ChildStart, ContainerBench, startChild } from "../helpers/container-bench.ts";
import { hangingEngine } from "../helpers/hanging-engine.ts";
import type { Program } from "../helpers/processes.ts";

/** Far more than the time-outs below, and far less than for ever. */
const PATIENCE_MS = 150_000;

describe("C10: an engine that accepts a request and never answers", () => {
  test.each([
    ["the first request", /^GET .*\/_ping/],
    ["the look for the image", /^GET .*\/images\/.*standin.*\/json/],
    ["create", /^POST .*\/containers\/create/],
    ["start", /^POST .*\/containers\/[0-9a-f]+\/start/],
    ["inspect", /^GET .*\/containers\/[0-9a-f]{64}\/json/],
    ["exec", /^POST .*\/exec\/[0-9a-f]+\/start/],
  ])("at %s ends start() with an error of ours, and the process ends", async (_, hangsAt) => {
    const bench = await ContainerBench.create();
    const program = await startHung(bench, hangsAt);
    const startedAt = performance.now();
    const { error = "" } = JSON.parse((await program.nextLine()) ?? "{}");
    expect(error).toMatch(/^Container(Engine|Start)Error: .*(did not answer within|was not ready within)/);
    await program.ended();
    expect(performance.now() - startedAt).toBeLessThan(PATIENCE_MS);
  });

  test("ends stop() with an error of ours, and the process ends", async () => {
    const bench = await ContainerBench.create();
    const program = await startHung(bench, /^POST .*\/containers\/[0-9a-f]+\/stop/);
    expect(JSON.parse((await program.nextLine()) ?? "{}").port).toBe(bench.range[0]);
    program.signal("SIGUSR2");
    const { error = "" } = JSON.parse((await program.nextLine()) ?? "{}");
    expect(error).toMatch(/^ContainerEngineError: .* did not answer within 30 s/);
    await program.ended();
  });

  test("at a log that the user follows does not keep the process running after stop()", async () => {
    const bench = await ContainerBench.create();
    const program = await startHung(bench, /^GET .*\/logs\?.*tail=7/, { logTail: 7 });
    expect(JSON.parse((await program.nextLine()) ?? "{}").port).toBe(bench.range[0]);
    program.signal("SIGUSR2");
    expect(await program.ended()).toMatchObject({ code: 0 });
  });

  async function startHung(bench: ContainerBench, hangsAt: RegExp, more: Partial<ChildStart> = {}): Promise<Program> {
    return startChild(bench, await hangingEngine(hangsAt), { ...more, startupTimeoutMs: 4_000 });
  }
});
