import { describe, expect, onTestFinished, test } from "vitest";
import { ensureEchoStandin } from "../../scripts/build-standin.ts";
import type { PortProbe } from "../../src/index.ts";
import { bindProbe } from "../../src/registry/host/port-probe.ts";
import { ADAPTERS, startByCommand } from "../helpers/adapters.ts";
import { ContainerBench } from "../helpers/container-bench.ts";
import { docker, dockerCli, eventually } from "../helpers/engine.ts";
import { listenOn } from "../helpers/listener.ts";

/** A probe after whose first success, and so between assignment and start, an outsider takes the port. */
function probeBeforeOutsider(): PortProbe {
  let isTaken = false;
  return async (port) => {
    const isFree = await bindProbe(port);
    if (isFree && !isTaken) {
      isTaken = true;
      await listenOn(port);
    }
    return isFree;
  };
}

async function benchFor() {
  const bench = await ContainerBench.create();
  return { bench, asked: { registry: bench.registry(), project: bench.project(), image: bench.image } };
}

describe.each(ADAPTERS)("C3 through $name", (adapter) => {
  test("a port that the engine refuses is given up for the next", async () => {
    const { bench, asked } = await benchFor();
    const use = await adapter.start({ ...asked, registry: bench.registry({ probe: probeBeforeOutsider() }) });
    expect(use.port).toBe(bench.range[0] + 1);
    expect(await bench.containers()).toEqual([use.name]);
    await use.stop();
    await bench.expectNothingLeft();
  });

  test("a port given by number that the engine refuses is a conflict, and nothing is left", async () => {
    const { bench, asked } = await benchFor();
    const registry = bench.registry({ probe: probeBeforeOutsider() });
    const start = adapter.start({ ...asked, registry, preferredPort: bench.range[0] });
    await expect(start).rejects.toMatchObject({ code: "PORT_CONFLICT" });
    await bench.expectNothingLeft();
  });

  test("a container of another program with the project's name is left alone: the next port is taken", async () => {
    const { bench, asked } = await benchFor();
    const unseeing = bench.registry({ engine: false });
    const { containerName } = await unseeing.assignPort(asked.project);
    await unseeing.releasePort(asked.project);
    const labels = ["--label", "io.iris-ports.registry=/another/registry.json"];
    const id = await docker("create", "--name", containerName, ...labels, bench.image);
    onTestFinished(async () => void (await dockerCli(["rm", "--force", id])));
    const use = await adapter.start(asked);
    expect(use.port).toBe(bench.range[0] + 1);
    await use.stop();
    expect(await docker("inspect", "--format", "{{.State.Status}}", id)).toBe("created");
  });

  test.each(["running", "exited"])(
    "a container of the project's own that was made by hand is neither removed nor moved away from: %s",
    async (state) => {
      const { bench, asked } = await benchFor();
      const { containerName, port } = await asked.registry.assignPort(asked.project);
      const publish = ["--publish", `127.0.0.1:${port}:1972`];
      const id = await docker("run", "--detach", "--name", containerName, ...publish, bench.image);
      onTestFinished(async () => void (await dockerCli(["rm", "--force", id])));
      await asked.registry.releasePort(asked.project);
      if (state === "exited") await docker("stop", "--time", "0", id);
      const start = adapter.start(asked);
      await expect(start).rejects.toMatchObject({ code: "CONTAINER_MISMATCH", containerName });
      await expect(start).rejects.toThrow(`docker rm --force ${containerName}`);
      await expect(start).rejects.toThrow("withInstance");
      expect(await docker("inspect", "--format", "{{.State.Status}}", id)).toBe(state);
      expect(await asked.registry.listAll()).toEqual([]);
      expect(await asked.registry.assignPort(asked.project)).toMatchObject({ port });
    },
  );

  test("a container of this registry whose maker cannot be observed is left alone, and is not called foreign", async () => {
    const { bench, asked } = await benchFor();
    const preferredPort = bench.range[0];
    const { containerName } = await asked.registry.assignPort(asked.project, { preferredPort });
    await asked.registry.releasePort(asked.project);
    const names = { registry: bench.registryPath, project: asked.project, generation: "before", creator: "other" };
    const labels = Object.entries(names).flatMap(([name, value]) => ["--label", `io.iris-ports.${name}=${value}`]);
    const id = await docker("create", "--name", containerName, ...labels, bench.image);
    const start = adapter.start({ ...asked, preferredPort });
    await expect(start).rejects.toMatchObject({ code: "CONTAINER_MISMATCH", containerName });
    await expect(start).rejects.toThrow("a registry of the same path, perhaps in a container, made it");
    expect(await docker("inspect", "--format", "{{.State.Status}}", id)).toBe("created");
  });

  test("a container that docker compose made for the project's directory keeps the port, which the error says", async () => {
    const { bench, asked } = await benchFor();
    const [port] = bench.range;
    const label = `com.docker.compose.project.working_dir=${asked.project}`;
    const options = ["--name", `compose-${port}`, "--label", label, "--publish", `127.0.0.1:${port}:1972`];
    const id = await docker("run", "--detach", ...options, bench.image);
    onTestFinished(async () => void (await dockerCli(["rm", "--force", id])));
    const start = adapter.start(asked);
    await expect(start).rejects.toMatchObject({ code: "PORT_CONFLICT", port });
    await expect(start).rejects.toThrow(`docker stop compose-${port}`);
    expect(await docker("inspect", "--format", "{{.State.Status}}", id)).toBe("running");
    await docker("stop", "--time", "0", id);
    const use = await adapter.start(asked);
    expect(use.port).toBe(port);
    await use.stop();
  });

  test("a missing image is reported, and nothing is left", async () => {
    const { bench, asked } = await benchFor();
    const start = adapter.start({ ...asked, image: "iris-ports.invalid/none:1" });
    await expect(start).rejects.toMatchObject({ code: "CONTAINER_START" });
    await expect(start).rejects.toThrow("docker pull iris-ports.invalid/none:1");
    await bench.expectNothingLeft();
  });

  test("an image without IRIS in it is refused at once, and nothing is left", async () => {
    const { bench, asked } = await benchFor();
    const image = await ensureEchoStandin();
    const startedAt = performance.now();
    const start = adapter.start({ ...asked, image, timeoutMs: 120_000 });
    await expect(start).rejects.toThrow(`There is no IRIS in the image ${image}`);
    expect(performance.now() - startedAt).toBeLessThan(60_000);
    await bench.expectNothingLeft();
  });

  test("a container that is removed while IRIS starts fails the start, and nothing is left", async () => {
    const { bench, asked } = await benchFor();
    const start = adapter.start({ ...asked, environment: { IRIS_STANDIN_START_MS: "60000" } });
    const failed = expect(start).rejects.toMatchObject({ code: "CONTAINER_START" });
    const [name = ""] = await eventually(async () => {
      const names = await bench.containers();
      const { stdout } = await dockerCli(["logs", names[0] ?? "none"]);
      return stdout.includes("Starting InterSystems IRIS") ? names : undefined;
    });
    await docker("rm", "--force", name);
    await failed;
    await bench.expectNothingLeft();
  });

  test("a container whose port the engine does not publish is not ready, and says so", async () => {
    const { asked } = await benchFor();
    const user = await adapter.start(asked);
    await docker("network", "disconnect", "bridge", user.name);
    await expect(adapter.start({ ...asked, timeoutMs: 20_000 })).rejects.toThrow(
      `does not publish its port 1972 on host port ${user.port}`,
    );
    await user.stop();
  });
});

test("a start through the docker command that is interrupted leaves nothing", async () => {
  const { bench, asked } = await benchFor();
  const interruption = new AbortController();
  const start = startByCommand({ ...asked, environment: { IRIS_STANDIN_START_MS: "60000" } }, interruption.signal);
  const failed = expect(start).rejects.toThrow("interrupted by the test");
  await eventually(async () => ((await bench.containers()).length > 0 ? true : undefined));
  interruption.abort(new Error("interrupted by the test"));
  await failed;
  await bench.expectNothingLeft();
});

test("a process that is killed while Testcontainers starts its container leaves nothing that the next start keeps", async () => {
  const { bench, asked } = await benchFor();
  const child = bench.child({ environment: { IRIS_STANDIN_START_MS: "60000" } });
  await eventually(async () => ((await bench.containers()).length > 0 ? true : undefined));
  await child.kill("SIGKILL");
  for (const adapter of ADAPTERS) {
    const use = await adapter.start(asked);
    expect(use.port).toBe(bench.range[0]);
    await use.stop();
  }
  await bench.expectNothingLeft();
});
