import { expect, onTestFinished, test, vi } from "vitest";
import { changedEngine } from "../helpers/changed-engine.ts";
import { ContainerBench } from "../helpers/container-bench.ts";

type Inspected = {
  readonly HostConfig: { readonly PortBindings: Readonly<Record<string, unknown>> };
  readonly NetworkSettings: { readonly Ports: Readonly<Record<string, unknown>> };
};

/** As podman 4.3.1 describes a container whose image exposes a port that is not published, as images of IRIS do. */
function asPodman(inspected: Inspected): Inspected {
  const { HostConfig, NetworkSettings } = inspected;
  const withExposed = (ports: Readonly<Record<string, unknown>>) => ({ ...ports, "2188/tcp": null });
  return {
    ...inspected,
    HostConfig: { ...HostConfig, PortBindings: withExposed(HostConfig.PortBindings) },
    NetworkSettings: { ...NetworkSettings, Ports: withExposed(NetworkSettings.Ports) },
  };
}

test("C2: the container starts and restarts on podman, which lists ports that are only exposed among the bindings", async () => {
  vi.stubEnv("DOCKER_HOST", await changedEngine(asPodman));
  onTestFinished(() => void vi.unstubAllEnvs());
  const bench = await ContainerBench.create();
  const iris = await bench.iris().start();
  await iris.restart();
  expect(await iris.runSql("SELECT 6*7 AS answer")).toEqual([{ answer: 42 }]);
  await iris.stop();
  await bench.expectNothingLeft();
});
