import { ensureStandin } from "../../scripts/build-standin.ts";
import { FakeHost, type FakeJob, type RunningStep } from "./fake-runner.ts";

/** A job whose IRIS is starting, which takes a minute. */
export type StartingIris = {
  readonly host: FakeHost;
  readonly job: FakeJob;
  readonly step: RunningStep;
  readonly containerName: string;
};

/** Starts IRIS in a job on a host of its own. */
export async function startingIris(): Promise<StartingIris> {
  const host = await FakeHost.create();
  const job = host.job();
  const inputs = { image: await ensureStandin(), "container-env": "IRIS_STANDIN_START_MS=60000" };
  const step = job.start("main", { inputs });
  await step.said(/Starting InterSystems IRIS instance/);
  return { host, job, step, containerName: host.containerNames[0] as string };
}
