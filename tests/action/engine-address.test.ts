import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { expect, test } from "vitest";
import { DockerodeEngine } from "../../src/docker/dockerode-engine.ts";
import { FakeHost } from "../helpers/fake-runner.ts";

/** A docker command that only writes down which engine it was sent to. */
function recordingDocker(host: FakeHost) {
  const bin = join(host.directory, "bin");
  const record = join(host.directory, "asked");
  mkdirSync(bin);
  writeFileSync(join(bin, "docker"), `#!/bin/sh\nenv | grep '^DOCKER_' | sort > ${record}\n`);
  chmodSync(join(bin, "docker"), 0o755);
  const path = `${bin}${delimiter}${process.env["PATH"]}`;
  return { path, asked: () => (existsSync(record) ? readFileSync(record, "utf8").trim().split("\n") : []) };
}

test("a remote engine is asked as in the library, and the job finds its port on the engine's host", async () => {
  const host = await FakeHost.create();
  const { path, asked } = recordingDocker(host);
  const dockerHost = "tcp://Build-Host.example:2376";
  const tls = { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: "/certs" };
  const job = host.job({ env: { PATH: path, DOCKER_HOST: dockerHost, ...tls, DOCKER_CONTEXT: "elsewhere" } });
  const main = await job.main();
  expect(main).toMatchObject({ code: 0, outputs: { host: "build-host.example" } });
  expect(asked()).toEqual([
    "DOCKER_CERT_PATH=/certs",
    "DOCKER_HOST=tcp://build-host.example:2376",
    "DOCKER_TLS_VERIFY=1",
  ]);
  expect(host.document.iris_ports.details[job.workspace].engine).toBe(new DockerodeEngine({ dockerHost }).endpoint);
});

test("the engine of the current docker context is asked, and of Testcontainers' properties before it", async () => {
  const host = await FakeHost.create();
  const { path, asked } = recordingDocker(host);
  const name = "rootless";
  const id = createHash("sha256").update(name).digest("hex");
  const meta = join(host.directory, ".docker", "contexts", "meta", id);
  mkdirSync(meta, { recursive: true });
  writeFileSync(join(host.directory, ".docker", "config.json"), JSON.stringify({ currentContext: name }));
  const endpoints = { docker: { Host: "unix:///run/user/1000/docker.sock" } };
  writeFileSync(join(meta, "meta.json"), JSON.stringify({ Name: name, Endpoints: endpoints }));
  await host.job({ env: { PATH: path } }).main();
  expect(asked()).toEqual(["DOCKER_HOST=unix:///run/user/1000/docker.sock"]);

  writeFileSync(join(host.directory, ".testcontainers.properties"), "tc.host=tcp://10.9.8.7:2375\n");
  await host.job({ env: { PATH: path } }).main();
  expect(asked()).toEqual(["DOCKER_HOST=tcp://10.9.8.7:2375"]);
});

test("an engine that is reached by ssh is asked by ssh, and the job finds its port on the engine's host", async () => {
  const host = await FakeHost.create();
  const { path, asked } = recordingDocker(host);
  const main = await host.job({ env: { PATH: path, DOCKER_HOST: "ssh://user@Build-Host.example" } }).main();
  expect(main).toMatchObject({ code: 0, outputs: { host: "build-host.example" } });
  expect(asked()).toEqual(["DOCKER_HOST=ssh://user@build-host.example"]);
});
