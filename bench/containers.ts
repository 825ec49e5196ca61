import { join } from "node:path";
import { GenericContainer } from "testcontainers";
import { ensureStandin } from "../scripts/build-standin.ts";
import { IrisRegistryContainer } from "../src/index.ts";
import { type Measurement, quantile, scratchDirectory } from "./measure.ts";

const ROUNDS = 12;

/** Start with a registry port against a plain start of the same image with the same wait, in turns. */
export async function measureContainers(): Promise<Measurement[]> {
  using scratch = scratchDirectory();
  const image = await ensureStandin();
  const plain: number[] = [];
  const registered: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const container = new IrisRegistryContainer(image)
      .withProject(join(scratch.path, "project"))
      .withRegistry(join(scratch.path, "registry.json"));
    plain.push(await startMs(new IrisRegistryContainer(image).withoutPortRegistry()));
    registered.push(await startMs(container));
  }
  const generic: number[] = [];
  for (let round = 0; round < ROUNDS; round++)
    generic.push(await startMs(new GenericContainer(image).withExposedPorts(1972)));
  const [base, ours] = [quantile(plain, 0.5), quantile(registered, 0.5)];
  return [
    { name: "start of a plain GenericContainer (waits for the port alone)", value: quantile(generic, 0.5), unit: "ms" },
    { name: "start without a registry", value: base, unit: "ms" },
    {
      name: "start with a registry port",
      value: ours,
      unit: "ms",
      ratio: { to: "without a registry", factor: ours / base },
    },
    { name: "what the registry adds to a start", value: ours - base, unit: "ms", reach: "<= 30" },
  ];
}

async function startMs(container: GenericContainer): Promise<number> {
  const startedAt = performance.now();
  const started = await container.start();
  const tookMs = performance.now() - startedAt;
  await started.stop();
  return tookMs;
}
