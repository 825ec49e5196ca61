import { describe, expect, test } from "vitest";
import { ContainerBench, startChild } from "../helpers/container-bench.ts";
import { brokenEngine } from "../helpers/hanging-engine.ts";

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
    const program = startChild(bench, await brokenEngine(breaksAt), more);
    const { error = "" } = JSON.parse((await program.nextLine()) ?? "{}");
    expect(error).toMatch(/^Container(Engine|Start)Error: /);
    expect(error).not.toMatch(/ within /);
    await program.ended();
  });
});
