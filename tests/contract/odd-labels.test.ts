import fs from "node:fs";
import { describe, expect, test } from "vitest";
import { checkUp } from "../../src/registry/doctor/checkup.ts";
import { isRemovableBy } from "../../src/registry/evidence/ownership.ts";
import { type Holder, processText } from "../../src/registry/holder.ts";
import {
  LABEL_CREATOR,
  LABEL_CREATOR_PROCESS,
  LABEL_GENERATION,
  LABEL_INSTANCE,
  LABEL_LIFETIME,
  LABEL_PORT,
  LABEL_PROJECT,
  LABEL_REGISTRY,
} from "../../src/registry/labels.ts";
import { IdleProcess } from "../helpers/processes.ts";
import { TestRegistry } from "../helpers/registry.ts";

/** The labels that tell who made a container. */
function madeBy(holder: Holder): Record<string, string> {
  return { [LABEL_CREATOR]: holder.id, [LABEL_CREATOR_PROCESS]: processText(holder) ?? "" };
}

function loseDocument({ path }: TestRegistry): void {
  fs.rmSync(path, { force: true });
  fs.rmSync(`${path}.commit`, { recursive: true, force: true });
}

describe("a rebuild, from a container that lacks labels,", () => {
  async function rebuilt(labels: Record<string, string>, hasPort = true) {
    const machine = await TestRegistry.create();
    const [port] = machine.range;
    const own = { [LABEL_REGISTRY]: machine.path, ...(hasPort && { [LABEL_PORT]: String(port) }) };
    const { id } = machine.engine.run({ name: "odd", hostPorts: [port], labels: { ...own, ...labels } });
    const { skipped } = await machine.open().rebuild();
    return { machine, id, reasons: skipped.map(({ reason }) => reason), found: (await machine.open().listAll())[0] };
  }

  test("restores nothing without a project or a port, and says why", async () => {
    expect((await rebuilt({})).reasons).toEqual(["its label is not a valid project"]);
    const { reasons, found } = await rebuilt({ [LABEL_PROJECT]: "/p/a" }, false);
    expect(reasons).toEqual(["it does not publish the port in its label (none)"]);
    expect(found).toBeUndefined();
  });

  test("restores the port of a kept one without a user, and gives it a new generation", async () => {
    const { machine, found } = await rebuilt({ [LABEL_PROJECT]: "/p/a" });
    expect(found).toMatchObject({ projectPath: "/p/a", port: machine.range[0], status: "active", holders: [] });
    expect(machine.json().iris_ports.details["/p/a"].generation).toMatch(/^[0-9a-f]{12}$/);
  });

  test("restores a user for one that lives for its users, so that it is not removed", async () => {
    const { machine, id, found } = await rebuilt({ [LABEL_PROJECT]: "/p/a", [LABEL_LIFETIME]: "holders" });
    expect(found?.holders).toMatchObject([{ id: `container:${id}`, kind: "job", usesContainer: true }]);
    expect(await machine.open().cleanupStale()).toEqual([]);
    expect(machine.engine.containers).toHaveLength(1);
  });
});

describe("cleaning", () => {
  test("removes a container that a dead maker left without a project's label", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const labels = { [LABEL_REGISTRY]: machine.path, [LABEL_LIFETIME]: "holders", ...madeBy(idle.holder()) };
    machine.engine.run({ name: "nameless", labels });
    await machine.open().cleanupStale();
    expect(machine.engine.containers).toHaveLength(1);
    await idle.kill();
    await machine.open().cleanupStale();
    expect(machine.engine.containers).toEqual([]);
  });

  test("leaves a container alone that has its labels only from an image made of a dead maker's container", async () => {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const [port] = machine.range;
    const own = { [LABEL_PROJECT]: machine.project("a"), [LABEL_PORT]: String(port), [LABEL_LIFETIME]: "holders" };
    const labels = { [LABEL_REGISTRY]: machine.path, ...own, ...madeBy(idle.holder()) };
    machine.engine.run({ name: "made", labels, hostPorts: [port] });
    machine.engine.run({ name: "copy", labels, hostPorts: [port + 1] });
    await idle.kill();
    await machine.open().cleanupStale();
    expect(machine.engine.containers.map(({ name }) => name)).toEqual(["copy"]);
  });

  test("leaves an instance's container to its last user, also after the port was released by hand", async () => {
    const machine = await TestRegistry.create();
    const [maker, user] = [await IdleProcess.start(), await IdleProcess.start()];
    const project = machine.project("a");
    const holder = maker.holder("maker", { usesContainer: true });
    const { generation } = await machine.open().acquire(project, { instance: "two", holder });
    await machine.open().acquire(project, { instance: "two", holder: user.holder("user", { usesContainer: true }) });
    const labels = {
      [LABEL_PROJECT]: project,
      [LABEL_INSTANCE]: "two",
      [LABEL_REGISTRY]: machine.path,
      [LABEL_LIFETIME]: "holders",
      [LABEL_GENERATION]: generation,
      ...madeBy(holder),
    };
    machine.engine.run({ name: "second", labels });
    await machine.open().releasePort(project, { instance: "two" });
    await maker.kill();
    await machine.open().cleanupStale();
    expect(machine.engine.containers).toHaveLength(1);
    await user.kill();
    await machine.open().cleanupStale();
    expect(machine.engine.containers).toEqual([]);
  });
});

describe("a container that outlived the document", () => {
  async function joined(change: (labels: Record<string, string>) => Record<string, string>, id = "job:17") {
    const machine = await TestRegistry.create();
    const idle = await IdleProcess.start();
    const holder = idle.holder(id, { usesContainer: true });
    const { assignment, generation } = await machine.open().acquire(machine.project("a"), { holder });
    const labels = change({
      [LABEL_PROJECT]: machine.project("a"),
      [LABEL_REGISTRY]: machine.path,
      [LABEL_LIFETIME]: "holders",
      [LABEL_GENERATION]: generation,
      ...madeBy(holder),
    });
    machine.engine.run({ name: assignment.containerName, labels, hostPorts: [assignment.port] });
    loseDocument(machine);
    const newcomer = (await IdleProcess.start()).holder("newcomer", { usesContainer: true });
    const acquisition = await machine.open().acquire(machine.project("a"), { holder: newcomer });
    return { ...acquisition, isSame: acquisition.generation === generation };
  }

  test("is joined beside the job that made it", async () => {
    const { isSame, earlierHolders } = await joined((labels) => labels);
    expect(isSame).toBe(true);
    expect(earlierHolders).toMatchObject([{ id: "job:17", kind: "job", usesContainer: true }]);
  });

  test.each([
    ["is kept", { [LABEL_LIFETIME]: "kept" }],
    ["does not say who made it", { [LABEL_CREATOR]: "" }],
  ])("is joined without other users where it %s", async (_, more) => {
    const { isSame, earlierHolders } = await joined((labels) => ({ ...labels, ...more }));
    expect(isSame).toBe(true);
    expect(earlierHolders).toEqual([]);
  });
});

test("a container of docker compose for a path that is not absolute belongs to no project", async () => {
  const machine = await TestRegistry.create();
  const [first] = machine.range;
  for (const [index, directory] of ["relative", "/a\nb"].entries()) {
    const labels = { "com.docker.compose.project.working_dir": directory };
    machine.engine.run({ name: `web-${index}`, labels, hostPorts: [first + index] });
  }
  expect((await machine.open().assignPort(machine.project("a"))).port).toBe(first + 2);
});

test("doctor says that a container with a project's name counts as foreign without the project's label", async () => {
  const machine = await TestRegistry.create();
  const { containerName } = await machine.open().assignPort(machine.project("a"));
  machine.engine.run({ name: containerName, labels: { [LABEL_REGISTRY]: machine.path } });
  const findings = await checkUp({
    registryPath: machine.path,
    portRange: machine.range.join("-"),
    engine: machine.engine,
  });
  expect(findings).toContainEqual({
    check: "containers",
    verdict: "warn",
    text: `${containerName} looks like the container of ${machine.project("a")}, but counts as foreign: its labels name no project`,
    remedy: `remove it if nothing uses it: docker rm --force ${containerName}`,
  });
});

test("the last known user removes a container that it made, or whose maker is gone, or whose uses are known", () => {
  const labels = { [LABEL_CREATOR]: "maker" };
  const stranger = { holderId: "stranger", isRecorded: false };
  expect(isRemovableBy(labels, stranger, "alive")).toBe(false);
  expect(isRemovableBy(labels, stranger, "unknown")).toBe(false);
  expect(isRemovableBy(labels, stranger, "gone")).toBe(true);
  expect(isRemovableBy(labels, { ...stranger, isRecorded: true }, "alive")).toBe(true);
  expect(isRemovableBy(labels, { ...stranger, holderId: "maker" }, "alive")).toBe(true);
});
