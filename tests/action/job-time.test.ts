import { join } from "node:path";
import { expect, test } from "vitest";
import { PortRegistry } from "../../src/registry/registry.ts";
import type { PortRegistryOptions } from "../../src/registry/registry-options.ts";
import { ACTION, installedAction } from "../helpers/action-bundle.ts";
import { docker } from "../helpers/engine.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";
import { FakeHost } from "../helpers/fake-runner.ts";
import { JobContainer } from "../helpers/job-container.ts";

const MINUTE_MS = 60_000;

test.runIf(process.platform === "linux")(
  "A8: a runner that runs in a container holds its port for `max-job-minutes` at most after it was killed",
  async () => {
    const host = await FakeHost.create(1);
    const runner = await JobContainer.start(host);
    const script = join(installedAction(), ACTION.runs.main);
    const env = {
      GITHUB_ACTION: "__org_iris-ports",
      GITHUB_WORKSPACE: host.directory,
      RUNNER_TRACKING_ID: "github_of-a-contained-runner",
      "INPUT_REGISTRY-PATH": host.registryPath,
      "INPUT_PORT-RANGE": host.ports.join("-"),
      "INPUT_MAX-JOB-MINUTES": "5",
    };
    const variables = Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
    // The runner's worker is a process of the container, and main is its child.
    const worker = `require('child_process').execFileSync(process.execPath, ['${script}']); setInterval(() => {}, 1e6)`;
    void docker("exec", ...variables, runner.id, process.execPath, "-e", worker).catch(() => undefined);
    await expect.poll(() => hasHolder(host), { timeout: 20_000 }).toBe(true);
    const [holder] = host.document.iris_ports.holders[host.directory];
    expect(holder.process.pid).toBeGreaterThan(0);
    await docker("rm", "--force", runner.id);

    const later = (ms: number, engine: PortRegistryOptions["engine"]) =>
      new PortRegistry({
        registryPath: host.registryPath,
        portRange: host.ports,
        engine,
        clock: () => new Date(Date.parse(holder.since) + ms),
        // As from a place that cannot look into the runner's container.
        liveness: async () => "unknown",
      });
    // The real engine would say at once that the runner's container is gone; this one knows no such container.
    const elsewhere = new FakeEngine();
    await expect(later(4 * MINUTE_MS, elsewhere).assignPort("/other")).rejects.toMatchObject({
      code: "PORT_EXHAUSTED",
    });
    expect((await later(6 * MINUTE_MS, undefined).assignPort("/other")).port).toBe(host.ports[0]);
  },
);

function hasHolder(host: FakeHost): boolean {
  try {
    return host.document.iris_ports.holders[host.directory]?.length === 1;
  } catch {
    return false;
  }
}
