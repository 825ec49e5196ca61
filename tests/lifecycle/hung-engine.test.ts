import { describe, expect, test } from "vitest";
import { type ChildStart, ContainerBench } from "../helpers/container-bench.ts";
import { brokenEngine, hangingEngine } from "../helpers/hanging-engine.ts";
import { Program } from "../helpers/processes.ts";

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
    return startAt(bench, await hangingEngine(hangsAt), { ...more, startupTimeoutMs: 4_000 });
  }
});

describe("C10: an engine whose answer breaks off", () => {
  test.each([
    ["the first request", /^GET .*\/_ping/, {}],
    ["the look for the image", /^GET .*\/images\/.*standin.*\/json/, {}],
    ["the pull", /^POST .*\/images\/create.*iris-ports/, { image: "iris-ports/no-such-image:1" }],
    ["the look for the container", /^GET .*\/containers\/iris_\w+\/json/, {}],
    ["create", /^POST .*\/containers\/create/, {}],
    ["exec", /^POST .*\/exec HTTP/, {}],
  ])("at %s ends start() with an error of ours at once", async (_, breaksAt, more) => {
    const bench = await ContainerBench.create();
    const program = startAt(bench, await brokenEngine(breaksAt), more);
    const { error = "" } = JSON.parse((await program.nextLine()) ?? "{}");
    expect(error).toMatch(/^Container(Engine|Start)Error: /);
    expect(error).not.toMatch(/ within /);
    await program.ended();
  });
});

function startAt(bench: ContainerBench, dockerHost: string, more: Partial<ChildStart>): Program {
  const { image, registryPath, range } = bench;
  const start = { image, registryPath, portRange: range, project: bench.project(), ...more };
  const env = { DOCKER_HOST: dockerHost, TESTCONTAINERS_RYUK_DISABLED: "true" };
  return Program.node("start-container.ts", [JSON.stringify(start)], env);
}
