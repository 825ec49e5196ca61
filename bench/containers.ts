import { join } from "node:path";
import { GenericContainer, getContainerRuntimeClient, Wait } from "testcontainers";
import { ensureStandin } from "../scripts/build-standin.ts";
import { TestcontainersHost } from "../src/containers/engine/testcontainers-host.ts";
import { IrisWaitStrategy } from "../src/containers/wait/iris-wait-strategy.ts";
import { IrisRegistryContainer } from "../src/index.ts";
import { READY_LINE } from "../src/iris/log-lines.ts";
import { IRIS_SUPERSERVER_PORT } from "../src/iris/ports.ts";
import { type Measurement, quantile, scratchDirectory } from "./measure.ts";

const ROUNDS = 15;

/** A start with a registry port against plain starts of the same image, in turns. */
export async function measureContainers(): Promise<Measurement[]> {
  using scratch = scratchDirectory();
  const image = await ensureStandin();
  const host = new TestcontainersHost(await getContainerRuntimeClient(), "the engine of Testcontainers");
  const plain = () => new GenericContainer(image).withExposedPorts(IRIS_SUPERSERVER_PORT);
  const kinds = {
    log: () => plain().withWaitStrategy(Wait.forLogMessage(READY_LINE)),
    session: () => plain().withWaitStrategy(new IrisWaitStrategy(host, {})),
    registry: () =>
      new IrisRegistryContainer(image)
        .withProject(join(scratch.path, "project"))
        .withPortRange([23_000, 23_031])
        .withRegistry(join(scratch.path, "registry.json")),
  };
  const times: Record<keyof typeof kinds, number[]> = { log: [], session: [], registry: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) times[kind].push(await startMs(kinds[kind]()));
  }
  const [log, session, registry] = [times.log, times.session, times.registry].map((all) => quantile(all, 0.5)) as [
    number,
    number,
    number,
  ];
  const ratio = { to: "the plain start that waits for a session", factor: registry / session };
  return [
    { name: "plain GenericContainer, waiting for the line of the log", value: log, unit: "ms" },
    { name: "plain GenericContainer, waiting for a session too", value: session, unit: "ms" },
    { name: "IrisRegistryContainer, waiting for a session too", value: registry, unit: "ms", ratio },
    { name: "what the registry adds to a start", value: registry - session, unit: "ms", reach: "<= 30 ms" },
  ];
}

async function startMs(container: GenericContainer): Promise<number> {
  const startedAt = performance.now();
  const started = await container.start();
  const tookMs = performance.now() - startedAt;
  await started.stop();
  return tookMs;
}
