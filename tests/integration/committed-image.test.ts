import { randomUUID } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { IrisRegistryContainer, LABEL_GENERATION, LABEL_INSTANCE } from "../../src/index.ts";
import { ContainerBench } from "../helpers/container-bench.ts";
import { docker, dockerCli, removeLabelled, uniqueLabel } from "../helpers/engine.ts";

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

  test("gives the next project's container no label of the one before", async () => {
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
