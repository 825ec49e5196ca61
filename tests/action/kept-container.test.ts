import { describe, expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { runCommand } from "../../scripts/run-command.ts";
import { processHolder, processText } from "../../src/registry/holder.ts";
import {
  LABEL_CREATOR_PROCESS,
  LABEL_LIFETIME,
  LABEL_PORT,
  LABEL_PROJECT,
  LABEL_REGISTRY,
} from "../../src/registry/labels.ts";
import { docker } from "../helpers/engine.ts";
import { FakeHost, type FakeJob } from "../helpers/fake-runner.ts";
import { thievingDocker } from "../helpers/odd-docker.ts";

async function exists(name: string): Promise<boolean> {
  return (await runCommand("docker", ["inspect", name])).exitCode === 0;
}

describe("A5: a container that was kept for the project", () => {
  /** As `withReuse()` leaves it: ended, on the port that the job is going to have. */
  async function keptContainer(host: FakeHost, job: FakeJob) {
    const { outputs, state } = await job.main();
    await job.post(state);
    const maker = await processHolder();
    const ended = { ...maker, process: { ...maker.process, startTime: "1" } };
    const labels = {
      [LABEL_CREATOR_PROCESS]: processText(ended),
      [LABEL_PROJECT]: job.workspace,
      [LABEL_PORT]: String(outputs.port),
      [LABEL_REGISTRY]: host.registryPath,
      [LABEL_LIFETIME]: "kept",
    };
    const name = outputs["container-name"] as string;
    const marks = Object.entries(labels).flatMap(([label, value]) => ["--label", `${label}=${value}`]);
    const publish = `127.0.0.1:${outputs.port}:1972`;
    await docker("create", "--name", name, ...marks, "--publish", publish, await ensureStandin());
    await docker("start", name);
    await docker("exec", name, "sh", "-c", "echo '[FATAL] a disk that was full once' > /proc/1/fd/1");
    await docker("stop", "--time", "0", name);
    return { name };
  }

  test("stays, when the engine refuses its port", async () => {
    const host = await FakeHost.create();
    const job = host.job();
    const { name } = await keptContainer(host, job);
    const image = await ensureStandin();
    const { path, stranger } = await thievingDocker(host, image);
    try {
      const main = await job.main({ inputs: { image }, env: { PATH: path } });
      expect(main.stdout).toMatch(/^::error title=iris-ports%3A PORT_CONFLICT::.*the kept container/m);
      expect(await exists(name)).toBe(true);
    } finally {
      await docker("rm", "--force", stranger);
    }
  });

  test("is not joined with another login, and stays", async () => {
    const host = await FakeHost.create();
    const job = host.job();
    const { name } = await keptContainer(host, job);
    const main = await job.main({
      inputs: { image: await ensureStandin(), username: "tester", password: "another one" },
    });
    expect(main.stdout).toMatch(
      /^::error title=iris-ports%3A CONTAINER_MISMATCH::.*the requested login \(user tester\)/m,
    );
    expect(await exists(name)).toBe(true);
  });

  test("is started again, whatever its earlier log says, and stays when the job ends", async () => {
    const host = await FakeHost.create();
    const job = host.job();
    const { name } = await keptContainer(host, job);
    const main = await job.main({ inputs: { image: await ensureStandin() } });
    expect(main).toMatchObject({ code: 0, env: { IRIS_CONTAINER_NAME: name } });
    await job.post(main.state);
    expect(await exists(name)).toBe(true);
  });
});
