import { describe, expect, test } from "vitest";
import { ADAPTERS } from "../helpers/adapters.ts";
import { ContainerBench } from "../helpers/container-bench.ts";
import { askIdentity, docker, dockerCli } from "../helpers/engine.ts";

async function benchFor(name = "shop") {
  const bench = await ContainerBench.create();
  const asked = { registry: bench.registry(), project: bench.project(name), image: bench.image };
  return { bench, asked };
}

describe.each(ADAPTERS)("C5 through $name", (adapter) => {
  test("a start answers on the project's port, and leaves nothing when it stops", async () => {
    const { bench, asked } = await benchFor();
    const use = await adapter.start(asked);
    expect(use.port).toBe(bench.range[0]);
    expect(await askIdentity(use.host, use.port)).toContain("iris-standin");
    expect(await bench.containers()).toEqual([use.name]);
    await use.stop();
    await bench.expectNothingLeft();
  });

  test.each(ADAPTERS)("its container is joined through $name, and removed by the last user", async (other) => {
    const { bench, asked } = await benchFor();
    const environment = { IRIS_STANDIN_IDENTITY: "asked for alike" };
    const maker = await adapter.start({ ...asked, environment });
    const joiner = await other.start({ ...asked, environment });
    expect([joiner.id.slice(0, 12), joiner.port]).toEqual([maker.id.slice(0, 12), maker.port]);
    await maker.stop();
    expect(await askIdentity(joiner.host, joiner.port)).toContain("asked for alike");
    await joiner.stop();
    await bench.expectNothingLeft();
  });

  test.each(ADAPTERS)("its merge file is recognised through $name, and another one is refused", async (other) => {
    const { bench, asked } = await benchFor();
    const maker = await adapter.start({ ...asked, cpfMerge: "[config]\nglobals=0,0,128,0,0,0\n" });
    const joiner = await other.start({ ...asked, cpfMerge: "[config]\n\nglobals=0,0,128,0,0,0\n" });
    expect(joiner.id.slice(0, 12)).toBe(maker.id.slice(0, 12));
    const start = other.start({ ...asked, cpfMerge: "[config]\nglobals=0,0,256,0,0,0\n" });
    await expect(start).rejects.toThrow(/CPF merge file/);
    await joiner.stop();
    await maker.stop();
    await bench.expectNothingLeft();
  });

  test.each(ADAPTERS)("its container is refused through $name if another configuration is requested", async (other) => {
    const { bench, asked } = await benchFor();
    const maker = await adapter.start(asked);
    const start = other.start({ ...asked, environment: { IRIS_STANDIN_IDENTITY: "another" } });
    await expect(start).rejects.toMatchObject({ code: "CONTAINER_MISMATCH" });
    await expect(start).rejects.toThrow(/value of IRIS_STANDIN_IDENTITY[\s\S]*docker rm --force/);
    expect(await bench.containers()).toEqual([maker.name]);
    await maker.stop();
    await bench.expectNothingLeft();
  });

  test("one image has several names", async () => {
    const { asked } = await benchFor();
    const alias = `iris-ports/alias-${asked.registry.portRange[0]}`;
    await docker("tag", asked.image, alias);
    try {
      const maker = await adapter.start(asked);
      const joiner = await adapter.start({ ...asked, image: alias });
      expect(joiner.id.slice(0, 12)).toBe(maker.id.slice(0, 12));
      await joiner.stop();
      await maker.stop();
    } finally {
      await docker("rmi", alias);
    }
  });

  test("many starts at once make one container", async () => {
    const { bench, asked } = await benchFor();
    const uses = await Promise.all(ADAPTERS.flatMap((each) => [each.start(asked), each.start(asked)]));
    expect(new Set(uses.map(({ id }) => id.slice(0, 12))).size).toBe(1);
    await Promise.all(uses.map((use) => use.stop()));
    await bench.expectNothingLeft();
  });

  test("a container that a dead process left behind is replaced on its port", async () => {
    const { bench, asked } = await benchFor();
    const child = bench.child();
    const left = await child.started();
    await child.kill("SIGKILL");
    const use = await adapter.start(asked);
    expect(use.port).toBe(left.port);
    expect(use.id.slice(0, 12)).not.toBe(left.id.slice(0, 12));
    await use.stop();
    await bench.expectNothingLeft();
  });

  test("a container that has ended despite its users is replaced at once", async () => {
    const { bench, asked } = await benchFor();
    const user = await adapter.start(asked);
    await docker("stop", "--time", "0", user.name);
    const startedAt = performance.now();
    const use = await adapter.start({ ...asked, timeoutMs: 120_000 });
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    expect(use.id.slice(0, 12)).not.toBe(user.id.slice(0, 12));
    await use.stop();
    await user.stop();
    await bench.expectNothingLeft();
  });

  test("a container that one of its users restarts is not replaced, until that user is overdue", async () => {
    const { bench, asked } = await benchFor();
    const user = await adapter.start(asked);
    const { registry, project } = asked;
    const [holder] = (await registry.inspect(project))?.holders ?? [];
    if (holder === undefined) throw new Error("the user is not known");
    await registry.announceRestart(project, { holder, until: new Date(Date.now() + 600_000) });
    await docker("stop", "--time", "0", user.name);
    await expect(adapter.start({ ...asked, timeoutMs: 1_500 })).rejects.toThrow(/did not reach a usable state/);
    await docker("start", user.name);
    const joined = await adapter.start(asked);
    expect(joined.id.slice(0, 12)).toBe(user.id.slice(0, 12));
    await joined.stop();
    await docker("stop", "--time", "0", user.name);
    await registry.announceRestart(project, { holder, until: new Date() });
    const replaced = await adapter.start(asked);
    expect(replaced.id.slice(0, 12)).not.toBe(user.id.slice(0, 12));
    await replaced.stop();
    await user.stop();
    await bench.expectNothingLeft();
  });

  test("a container that was removed by hand is made anew on its port", async () => {
    const { bench, asked } = await benchFor();
    const user = await adapter.start(asked);
    await docker("rm", "--force", user.name);
    const use = await adapter.start(asked);
    expect(use.port).toBe(user.port);
    await use.stop();
    await user.stop();
    await bench.expectNothingLeft();
  });

  test("a kept container that was stopped is started again", async () => {
    const { bench, asked } = await benchFor();
    const kept = { ...asked, isKept: true };
    const user = await adapter.start(kept);
    await docker("stop", "--time", "0", user.name);
    const use = await adapter.start(kept);
    expect(use.id.slice(0, 12)).toBe(user.id.slice(0, 12));
    expect(await askIdentity(use.host, use.port)).toContain("iris-standin");
    expect(await bench.containers()).toEqual([use.name]);
    await use.stop();
    await user.stop();
  });

  test("a paused container is left alone, and the error says how to resume it", async () => {
    const { asked } = await benchFor();
    const user = await adapter.start(asked);
    await docker("pause", user.name);
    const start = adapter.start(asked);
    await expect(start).rejects.toMatchObject({ code: "CONTAINER_START" });
    await expect(start).rejects.toThrow(`docker unpause ${user.name}`);
    expect(await docker("inspect", "--format", "{{.State.Status}}", user.name)).toBe("paused");
    await docker("unpause", user.name);
    await user.stop();
    expect((await dockerCli(["inspect", user.name])).exitCode).not.toBe(0);
  });
});
