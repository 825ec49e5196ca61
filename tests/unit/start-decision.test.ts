import { expect, test } from "vitest";
import { decideStart, type StartView } from "../../src/lifecycle/start-decision.ts";

const assignment = {
  projectPath: "/home/dev/shop",
  projectKey: "/home/dev/shop",
  port: 1972,
  assignedAt: new Date(0),
  assignmentType: "auto",
  status: "active",
  containerName: "iris_3f2a9c1b_1972",
} as const;

const ours = {
  "io.iris-ports.project": "/home/dev/shop",
  "io.iris-ports.registry": "/home/dev/registry.json",
  "io.iris-ports.lifetime": "holders",
  "io.iris-ports.generation": "now",
  "io.iris-ports.creator": "maker",
};

function decide(
  found: StartView["found"],
  others: readonly string[] = [],
  view: Partial<Pick<StartView, "maker" | "isBeingRestarted">> = {},
): string {
  const own = { assignment, generation: "now", registryPath: "/home/dev/registry.json", others: new Set(others) };
  return decideStart({ ...own, maker: "gone", isBeingRestarted: false, ...view, found });
}

const before = { ...ours, "io.iris-ports.generation": "before" };
const kept = { ...before, "io.iris-ports.lifetime": "kept" };

test.each([
  ["create", "there is none", undefined, []],
  ["join", "it runs", { state: "running", labels: ours }, ["maker"]],
  ["join", "it runs and its maker has left", { state: "running", labels: ours }, []],
  ["join", "it was kept and runs", { state: "running", labels: kept }, []],
  ["wait", "its maker is about to start it", { state: "created", labels: ours }, ["maker"]],
  ["remove", "its maker died before starting it", { state: "created", labels: ours }, ["somebody else"]],
  ["remove", "it was to be kept, and its maker died before starting it", { state: "created", labels: kept }, []],
  ["wait", "it is being removed", { state: "removing", labels: before }, []],
  ["wait", "podman is stopping it", { state: "stopping", labels: kept }, []],
  ["wait", "the engine is restarting it", { state: "restarting", labels: ours }, ["maker"]],
  ["wait", "it ended while others use it", { state: "exited", labels: ours }, ["somebody else"]],
  ["remove", "it has stayed ended", { state: "exited", labels: ours, isSettled: true }, ["somebody else"]],
  ["remove", "it ended and has no users", { state: "exited", labels: ours }, []],
  ["restart", "it was kept and ended", { state: "exited", labels: kept }, []],
  ["wait", "it was kept, and ended while others use it", { state: "exited", labels: kept }, ["somebody else"]],
  ["restart", "it was kept, and has stayed ended", { state: "exited", labels: kept, isSettled: true }, ["other"]],
  ["remove", "it is dead", { state: "dead", labels: kept }, []],
  ["remove", "its users are all gone", { state: "running", labels: before }, []],
  ["remove", "its users are all gone, and others wait as well", { state: "running", labels: before }, ["other"]],
  ["move", "it has no labels", { state: "running", labels: {} }, []],
  ["move", "it is another project's", { state: "running", labels: { ...ours, "io.iris-ports.project": "/x" } }, []],
  ["move", "it is another instance's", { state: "exited", labels: { ...ours, "io.iris-ports.instance": "b" } }, []],
  ["move", "it is another registry's", { state: "running", labels: { ...ours, "io.iris-ports.registry": "/r" } }, []],
] as const)("%s when %s", (step, _, found, others) => {
  expect(decide(found, others)).toBe(step);
});

test.each([
  ["move", "its maker cannot be observed: the registry may be another one with the same path", "running", "unknown"],
  ["move", "its maker cannot be observed, and it has ended", "exited", "unknown"],
  ["join", "its maker lives: the document was lost", "running", "alive"],
  ["remove", "its maker lives, and has stopped it", "exited", "alive"],
] as const)("a container of an unknown use: %s when %s", (step, _, state, maker) => {
  expect(decide({ state, labels: before }, [], { maker })).toBe(step);
});

test.each([
  ["wait", "its maker", "exited", ours],
  ["wait", "another user", "paused", ours],
  ["wait", "a user of a kept one", "dead", kept],
  ["join", "somebody who has started it again", "running", ours],
] as const)("a container that is being restarted: %s when %s does so", (step, _, state, labels) => {
  const found = { state, labels, isSettled: true };
  expect(decide(found, ["somebody else"], { isBeingRestarted: true })).toBe(step);
});

test("an instance is known by its label, empty or not", () => {
  const found = { state: "running", labels: { ...ours, "io.iris-ports.instance": "" } };
  expect(decide(found)).toBe("join");
});
