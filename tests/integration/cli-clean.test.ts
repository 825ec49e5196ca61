import { expect, it } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import type { PortAssignment } from "../../src/registry/assignment.ts";
import { containerLabels } from "../../src/registry/container-labels.ts";
import { CliSandbox } from "../helpers/cli.ts";
import { docker, dockerCli } from "../helpers/engine.ts";
import { IdleProcess } from "../helpers/processes.ts";

it("L1: iris-ports clean names each container that it removes, and only then says that nothing is stale", async () => {
  using sandbox = await CliSandbox.create();
  const name = await leftContainer(sandbox);
  const removed = await sandbox.run(["clean"]);
  expect(removed.stdout).toBe(`Removed container ${name}, left by a process that is gone.\n`);
  expect((await dockerCli(["inspect", name])).exitCode).not.toBe(0);
  expect((await sandbox.run(["clean"])).stdout).toBe("Nothing is stale.\n");
});

it("iris-ports clean --json names the containers on standard error", async () => {
  using sandbox = await CliSandbox.create();
  const name = await leftContainer(sandbox);
  const { stdout, stderr } = await sandbox.run(["clean", "--json"]);
  expect(JSON.parse(stdout)).toEqual([]);
  expect(stderr).toBe(`Removed container ${name}, left by a process that is gone.\n`);
});

/** A container of a process that is gone, whose assignment is gone as well. */
async function leftContainer(sandbox: CliSandbox): Promise<string> {
  const maker = await IdleProcess.start();
  const project = sandbox.project("left");
  const assignment = (await sandbox.json("assign", project)) as PortAssignment;
  const labels = containerLabels({
    assignment,
    generation: "0123456789ab",
    registryPath: sandbox.registryPath,
    creator: maker.holder(),
    lifetime: "holders",
  });
  const options = Object.entries(labels).flatMap(([label, value]) => ["--label", `${label}=${value}`]);
  const publish = ["--publish", `127.0.0.1:${assignment.port}:1972`];
  await docker("create", "--name", assignment.containerName, ...options, ...publish, await ensureStandin());
  await maker.kill();
  await sandbox.run(["release", project]);
  return assignment.containerName;
}
