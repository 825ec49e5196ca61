import fs from "node:fs";
import { delimiter, join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { DockerCommandEngine } from "../../src/docker/docker-command-engine.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

/** An engine whose docker command is a script of the shell. */
function engineBehind(script: string): () => DockerCommandEngine {
  const bin = temporaryDirectory();
  fs.writeFileSync(join(bin, "docker"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  vi.stubEnv("PATH", `${bin}${delimiter}${process.env["PATH"]}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const address = { endpoint: "tcp://build-host:2376", isLocal: false };
  return () => new DockerCommandEngine({ labels: [], address });
}

const NO_FIELD = `template: info:1:2: executing "info" at <.ID>: can't evaluate field ID in type *define.Info`;

test.skipIf(process.platform === "win32").each([
  [
    "Docker's command at podman's socket, which gives another ID each time",
    `echo "[\\"$$\\",\\"build\\",\\"/var/lib/containers\\",\\"\\",\\"Apache-2.0\\"]"`,
    "podman:build:/var/lib/containers",
  ],
  [
    "podman's own docker",
    `case "$*" in *.ID*) echo 'Error: ${NO_FIELD.replaceAll("'", `'\\''`)}' >&2; exit 125;; esac
     echo '["build","/var/lib/containers"]'`,
    "podman:build:/var/lib/containers",
  ],
  [
    "Docker's command, for a second engine of a machine",
    `echo '["THE:ID","build","/mnt/docker","https://index.docker.io/v1/",""]'`,
    "THE:ID:/mnt/docker",
  ],
  ["Docker's command", `echo '["THE:ID","build","/var/lib/docker","https://index.docker.io/v1/",""]'`, "THE:ID"],
])("an engine has the same ID for every process, and the one that the library reads: %s", async (_, script, id) => {
  const open = engineBehind(script);
  expect([await open().identify(), await open().identify()]).toEqual([id, id]);
});

test.skipIf(process.platform === "win32")(
  "an engine that describes itself in neither way goes by its address",
  async () => {
    const open = engineBehind("echo 'template: cannot' >&2; exit 1");
    expect(await open().identify()).toBe("tcp://build-host:2376");
  },
);

test.skipIf(process.platform === "win32")("a program that is not docker is an error that says so", async () => {
  const open = engineBehind("echo hello");
  await expect(open().identify()).rejects.toMatchObject({ code: "CONTAINER_ENGINE" });
});
