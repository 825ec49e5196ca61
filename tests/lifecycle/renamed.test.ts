import { describe, expect, onTestFinished, test } from "vitest";
import { commandText } from "../../src/settings/command-text.ts";
import { ADAPTERS } from "../helpers/adapters.ts";
import { ContainerBench } from "../helpers/container-bench.ts";
import { askIdentity, docker } from "../helpers/engine.ts";
import { listenOn } from "../helpers/listener.ts";

describe.each(ADAPTERS)("a container that was renamed, through $name,", (adapter) => {
  async function renamed(isKept: boolean) {
    const bench = await ContainerBench.create();
    const asked = { registry: bench.registry(), project: bench.project(), image: bench.image, isKept };
    const maker = await adapter.start(asked);
    const name = `renamed-${bench.range[0]}`;
    await docker("rename", maker.name, name);
    return { bench, asked, maker, name };
  }

  test("is joined, and removed by its last user", async () => {
    const { bench, asked, maker, name } = await renamed(false);
    const joiner = await adapter.start(asked);
    expect([joiner.id.slice(0, 12), joiner.port]).toEqual([maker.id.slice(0, 12), maker.port]);
    expect(await bench.containers()).toEqual([name]);
    await maker.stop();
    expect(await askIdentity(joiner.host, joiner.port)).toContain("iris-standin");
    await joiner.stop();
    await bench.expectNothingLeft();
  });

  test("is joined even if another program has made a container with its former name", async () => {
    const { bench, asked, maker } = await renamed(false);
    const other = await docker("create", "--name", maker.name, bench.image);
    onTestFinished(async () => void (await docker("rm", "--force", other)));
    const joiner = await adapter.start(asked);
    expect([joiner.id.slice(0, 12), joiner.port]).toEqual([maker.id.slice(0, 12), maker.port]);
    await Promise.all([maker.stop(), joiner.stop()]);
    await bench.expectNothingLeft();
  });

  test("is kept, restarted, and the only one", async () => {
    const { bench, asked, maker, name } = await renamed(true);
    await docker("stop", "--time", "0", name);
    const again = await adapter.start(asked);
    expect([again.id.slice(0, 12), again.port]).toEqual([maker.id.slice(0, 12), maker.port]);
    expect(await bench.containers()).toEqual([name]);
  });

  test("is named by its new name in errors", async () => {
    const { bench, asked, name } = await renamed(true);
    const other = { ...asked, environment: { IRIS_STANDIN_IDENTITY: "another" } };
    await expect(adapter.start(other)).rejects.toMatchObject({
      what: expect.stringContaining(`container ${name} exists already`),
      remedy: expect.stringContaining(
        `stop it first: ${commandText(["down", asked.project], asked.registry.registryPath)}`,
      ),
    });
    await docker("pause", name);
    await expect(adapter.start(asked)).rejects.toThrow(`docker unpause ${name}`);
    await docker("unpause", name);
    await docker("stop", "--time", "0", name);
    await listenOn(bench.range[0]);
    await expect(adapter.start(asked)).rejects.toThrow(`docker rm --force ${name}`);
  });
});
