import { randomUUID } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { DockerCommandEngine } from "../../src/docker/docker-command-engine.ts";
import { DockerodeEngine } from "../../src/docker/dockerode-engine.ts";
import { IrisRegistryContainer, LABEL_GENERATION, LABEL_INSTANCE } from "../../src/index.ts";
import { containerLabels } from "../../src/registry/container-labels.ts";
import { ContainerBench } from "../helpers/container-bench.ts";
import { docker, dockerCli, removeLabelled, uniqueLabel } from "../helpers/engine.ts";
import { IdleProcess } from "../helpers/processes.ts";

/** A name for an image that a test makes; the image goes with the test. */
function ownImage(): { readonly repo: string; readonly tag: string; readonly name: string } {
  const repo = `iris-ports-test/${randomUUID()}`;
  onTestFinished(async () => void (await dockerCli(["rmi", "--force", `${repo}:1`])));
  return { repo, tag: "1", name: `${repo}:1` };
}

/** What the image hands on to its containers of the labels that are the registry's. */
async function ownLabels(image: string): Promise<Record<string, string>> {
  const labels: Record<string, string> = JSON.parse(
    await docker("inspect", "--format", "{{json .Config.Labels}}", image),
  );
  const isFixture = (name: string) => name === "io.iris-ports.fixture";
  return Object.fromEntries(
    Object.entries(labels).filter(([name, value]) => name.startsWith("io.iris-ports.") && !isFixture(name) && value),
  );
}

describe("an image that commit() has made of a project's container", () => {
  test("makes containers that the registry does not take for its own", async () => {
    const bench = await ContainerBench.create();
    const image = ownImage();
    const iris = await bench.iris().withInstance("seed").withPassword("secret").start();
    await iris.commit({ repo: image.repo, tag: image.tag, deleteOnExit: false, changes: ["LABEL own=label"] });
    await iris.stop();
    expect(await ownLabels(image.name)).toEqual({});
    expect(await docker("inspect", "--format", "{{.Config.Labels.own}}", image.name)).toBe("label");
    const label = uniqueLabel();
    onTestFinished(() => removeLabelled(label));
    const id = await docker("run", "--detach", "--label", label, image.name);
    expect(await bench.registry().cleanupStale()).toEqual([]);
    expect(await docker("inspect", "--format", "{{.State.Running}}", id)).toBe("true");
  });

  test("is made while another start waits for the container, and does not take it for ended", async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().start();
    // The engine takes seconds to make an image of it.
    await iris.exec(["sh", "-c", "dd if=/dev/urandom of=/large bs=1M count=150"]);
    const committed = iris.commit({ ...ownImage(), deleteOnExit: false });
    expect(await docker("wait", iris.getId())).toBe("0");
    await using joined = await bench.iris().start();
    expect(joined.getId()).toBe(iris.getId());
    expect(await committed).toMatch(/^sha256:/);
    expect(await bench.containers()).toHaveLength(1);
  });

  test("is a typed error where the container is gone, and so is its restart", async () => {
    const bench = await ContainerBench.create();
    const iris = await bench.iris().start();
    await docker("rm", "--force", iris.getId());
    await expect(iris.commit(ownImage())).rejects.toMatchObject({ code: "CONTAINER_ENGINE" });
    await expect(iris.restart()).rejects.toMatchObject({ code: "CONTAINER_ENGINE" });
    await iris.stop();
    await bench.expectNothingLeft();
  });

  test("is made by one user after the other, while a third one restarts the container", async () => {
    const bench = await ContainerBench.create();
    const users = await Promise.all([bench.iris().start(), bench.iris().start(), bench.iris().start()]);
    const [first, second, third] = users;
    const [one, two] = await Promise.all([
      first.commit({ ...ownImage(), deleteOnExit: false }),
      second.commit({ ...ownImage(), deleteOnExit: false }),
      third.restart(),
      third.restart(),
    ]);
    expect([one, two].join()).toMatch(/^sha256:.*,sha256:/);
    expect(await Promise.all(users.map((user) => user.runSql("SELECT 1 AS one")))).toEqual(Array(3).fill([{ one: 1 }]));
    for (const user of users) await user.stop();
    await bench.expectNothingLeft();
  });

  test("gives the next project's container no label of the previous one", async () => {
    const bench = await ContainerBench.create();
    const image = ownImage();
    const iris = await bench.iris().withInstance("seed").start();
    // As others make images: with all labels.
    await docker("commit", iris.getId(), image.name);
    await iris.stop();
    expect(Object.keys(await ownLabels(image.name))).toContain(LABEL_INSTANCE);
    const start = () =>
      new IrisRegistryContainer(image.name).withRegistry(bench.registry()).withProject(bench.project()).start();
    const first = await start();
    const second = await start();
    expect([second.getId(), second.getPort()]).toEqual([first.getId(), first.getPort()]);
    expect(first.getLabels()[LABEL_INSTANCE]).toBe("");
    expect(first.getLabels()[LABEL_GENERATION]).not.toBe("");
    await Promise.all([first.stop(), second.stop()]);
    await bench.expectNothingLeft();
  });
});

describe("a container of an image that docker commit has made, on the port of the former container,", () => {
  /** The copy of a container whose maker was killed; the container itself is gone. */
  async function copyOfLeftover() {
    const bench = await ContainerBench.create();
    const image = ownImage();
    const idle = await IdleProcess.start();
    const creator = idle.holder("maker", { usesContainer: true });
    const { assignment, generation } = await bench.registry().acquire(bench.project(), { holder: creator });
    const { registryPath } = bench.registry();
    const labels = containerLabels({ assignment, generation, registryPath, creator, lifetime: "holders" });
    const labelled = Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
    const made = await docker("create", ...labelled, bench.image);
    await docker("commit", made, image.name);
    await docker("rm", made);
    await idle.kill();
    const id = await docker("create", "--publish", `127.0.0.1:${assignment.port}:1972`, image.name);
    onTestFinished(async () => void (await docker("rm", "--force", id)));
    return { bench, id, port: assignment.port };
  }

  test("is its user's, who may have data in it: neither a cleaning nor a start removes it", async () => {
    const { bench, id, port } = await copyOfLeftover();
    await bench.registry().cleanupStale();
    const iris = await bench.iris().start();
    expect(iris.getPort()).not.toBe(port);
    await iris.stop();
    expect(await docker("inspect", "--format", "{{.State.Status}}", id)).toBe("created");
  });

  test.each([
    ["the library", new DockerodeEngine()],
    ["the command line and the action", new DockerCommandEngine({ labels: [] })],
  ])("is told by the labels of its image, which %s reads", async (_, engine) => {
    const { id } = await copyOfLeftover();
    expect(await engine.imageLabels(id)).toMatchObject({ [LABEL_GENERATION]: expect.stringMatching(/./) });
    expect(await engine.imageLabels("no-such-container")).toBeUndefined();
  });
});
