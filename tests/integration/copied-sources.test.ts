import { mkdirSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { runCommand } from "../../scripts/run-command.ts";
import { InvalidArgumentError, IrisRegistryContainer } from "../../src/index.ts";
import { bindProbe } from "../../src/registry/host/port-probe.ts";
import { ContainerBench } from "../helpers/container-bench.ts";
import { docker, uniqueLabel } from "../helpers/engine.ts";
import { listenOn } from "../helpers/listener.ts";

/** A tar that holds `tmp/archived`. */
async function archive(bench: ContainerBench): Promise<Buffer> {
  const root = await mkdtemp(join(bench.directory, "tar-"));
  mkdirSync(join(root, "tmp"));
  await writeFile(join(root, "tmp", "archived"), "from an archive");
  const { stdout } = await runCommand("sh", ["-c", `tar -c -C '${root}' tmp/archived | base64 -w 0`]);
  return Buffer.from(stdout, "base64");
}

/** A registry whose first free port an outsider takes before the engine can: the start has to be tried again. */
function refusedOnce(bench: ContainerBench) {
  let isTaken = false;
  const probe = async (port: number) => {
    const isFree = await bindProbe(port);
    if (isFree && !isTaken) await listenOn(port);
    isTaken ||= isFree;
    return isFree;
  };
  return bench.registry({ probe });
}

test("streams are copied into the container that is started in the end, however often a start is tried", async () => {
  const bench = await ContainerBench.create();
  const container = bench
    .iris()
    .withRegistry(refusedOnce(bench))
    .withCopyArchivesToContainer([{ tar: Readable.from([await archive(bench)]), target: "/" }])
    .withCopyContentToContainer([{ content: Readable.from(["from ", "a stream"]), target: "/tmp/streamed" }]);
  const read = async (iris: { exec(command: string[]): Promise<{ output: string }> }) =>
    (await iris.exec(["cat", "/tmp/archived", "/tmp/streamed"])).output;
  {
    await using iris = await container.start();
    expect(iris.getPort()).toBe(bench.range[0] + 1);
    expect(await read(iris)).toBe("from an archivefrom a stream");
  }
  // The same object once more.
  await using again = await container.start();
  expect(await read(again)).toBe("from an archivefrom a stream");
});

test("the content of a stream is compared with what the running container was given", async () => {
  const bench = await ContainerBench.create();
  const start = (...lines: string[]) =>
    bench
      .iris()
      .withCopyContentToContainer([{ content: Readable.from(lines), target: "/tmp/streamed" }])
      .start();
  await using iris = await start("one");
  await using joined = await start("o", "ne");
  expect(joined.getId()).toBe(iris.getId());
  await expect(start("two")).rejects.toThrow(/the requested copied content/);
});

test("a source that cannot be copied is named before anything is created, with or without a registry", async () => {
  const bench = await ContainerBench.create();
  const missing = join(bench.directory, "seed.sql");
  const file = join(bench.directory, "file");
  await writeFile(file, "");
  const fails = async (iris: IrisRegistryContainer, what: RegExp) => {
    const error = await iris.start().then(
      () => new Error("it started"),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(String(error)).toMatch(what);
  };
  const label = uniqueLabel();
  const [name = "", value = ""] = label.split("=");
  const alone = () => new IrisRegistryContainer(bench.image).withoutPortRegistry().withLabels({ [name]: value });
  for (const iris of [() => bench.iris(), alone]) {
    await fails(iris().withCopyFilesToContainer([{ source: missing, target: "/x" }]), /seed\.sql.*ENOENT/);
    await fails(iris().withCopyFilesToContainer([{ source: bench.directory, target: "/x" }]), /it is a directory/);
    await fails(iris().withCopyDirectoriesToContainer([{ source: missing, target: "/x" }]), /seed\.sql.*ENOENT/);
    await fails(iris().withCopyDirectoriesToContainer([{ source: file, target: "/x" }]), /it is not a directory/);
    const broken = new Readable({ read: () => broken.destroy(new Error("the disk is on fire")) });
    const contents = [{ content: broken, target: "/tmp/x" }];
    await fails(iris().withCopyContentToContainer(contents), /\/tmp\/x .*the disk is on fire/);
  }
  await bench.expectNothingLeft();
  expect(await docker("ps", "--all", "--quiet", "--filter", `label=${label}`)).toBe("");
});

test("a directory is refused as licence key or merge file", async () => {
  const bench = await ContainerBench.create();
  expect(() => bench.iris().withLicenseKey(bench.directory)).toThrow(InvalidArgumentError);
  expect(() => bench.iris().withCpfMerge(bench.directory)).toThrow(InvalidArgumentError);
});
