import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { docker } from "../helpers/engine.ts";
import { FakeHost } from "../helpers/fake-runner.ts";
import { recordingDocker } from "../helpers/odd-docker.ts";

const LINES = [
  "HTTP_PROXY=http://127.0.0.1:1",
  "TOKEN= s3cr=et # ü",
  "EMPTY=",
  "FROM_THE_STEP",
  "KEY",
  "LONG",
  "UNSET",
];
const KEY = "-----BEGIN\nMIIE\n-----END\n";
const LONG = "x".repeat(70_000);

test("the container gets its environment whole; the docker command obeys none of it, and nobody can read it", async () => {
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
