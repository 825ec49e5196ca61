import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { runCommand } from "../../scripts/run-command.ts";
import { docker } from "../helpers/engine.ts";
import { FakeHost } from "../helpers/fake-runner.ts";
import { recordingDocker } from "../helpers/odd-docker.ts";

const LINES = [
  "HTTP_PROXY=http://127.0.0.1:1",
  "TOKEN= s3cr=et # ü",
  "EMPTY=",
  "PYTHONPATH=/opt/app",
  "GITHUB_TOKEN=t",
  "DOCKER_HOST=tcp://127.0.0.1:1",
  "FROM_THE_STEP",
  "KEY",
  "LONG",
  "UNSET",
];
const KEY = "-----BEGIN\nMIIE\n-----END\n";
const LONG = "x".repeat(70_000);

test("the container gets its complete environment, which the docker command does not obey and other users cannot read", async () => {
  const host = await FakeHost.create();
  const { path, recorded } = await recordingDocker(host);
  const job = host.job({ env: { PATH: path, FROM_THE_STEP: "step", KEY, LONG } });
  const inputs = { image: await ensureStandin(), "container-env": LINES.join("\n") };
  const main = await job.main({ inputs });
  expect(main).toMatchObject({ code: 0, stderr: "" });
  const env = JSON.parse(
    await docker("inspect", "--format", "{{json .Config.Env}}", main.outputs["container-name"] ?? ""),
  );
  expect(env).toEqual(
    expect.arrayContaining([
      "HTTP_PROXY=http://127.0.0.1:1",
      "TOKEN= s3cr=et # ü",
      "EMPTY=",
      "PYTHONPATH=/opt/app",
      "GITHUB_TOKEN=t",
      "DOCKER_HOST=tcp://127.0.0.1:1",
      "FROM_THE_STEP=step",
      `KEY=${KEY}`,
      `LONG=${LONG}`,
      "UNSET=",
    ]),
  );
  expect(recorded("env")).not.toMatch(/^(HTTP_PROXY|TOKEN|EMPTY|UNSET)=/m);
  expect(recorded("args")).not.toMatch(/s3cr|127\.0\.0\.1:1$|MIIE/m);
  expect(recorded("file")).toContain("TOKEN= s3cr=et # ü\n");
  expect(recorded("mode")).toMatch(/^-rw-------/);
  expect(readdirSync(job.env.RUNNER_TEMP as string)).not.toContainEqual(expect.stringContaining("iris-ports"));
  await job.post(main.state);
});

test("on a full disk, no part of the container's environment is left", async () => {
  const host = await FakeHost.create();
  const source = JSON.stringify(join(import.meta.dirname, "../../src/docker/env-file.ts"));
  const script = `const { EnvFile } = await import(${source}); new EnvFile({ TOKEN: "s3cret" })`;
  // Files may have no content: the system refuses the first byte, as on a full disk.
  const command = 'trap "" XFSZ; ulimit -f 0; exec "$0" --input-type=module --eval "$1"';
  const env = { RUNNER_TEMP: host.directory };
  const ended = await runCommand("sh", ["-c", command, process.execPath, script], { env });
  expect(ended.stderr).toContain("EFBIG");
  expect(readdirSync(host.directory)).toEqual([]);
});
