import fs from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { manualHolder, uniqueProcessHolder } from "../../src/registry/holder.ts";
import { TestRegistry } from "../helpers/registry.ts";

describe("a port with a live holder stays reserved for it when the document is replaced", () => {
  test("by a backup that does not know the holder", async () => {
    const test = await TestRegistry.create(2);
    const registry = test.open();
    await registry.assignPort("/p/manual", { holder: manualHolder() });
    const backup = fs.readFileSync(test.path);
    const { port } = await registry.assignPort("/p/live", { holder: await uniqueProcessHolder() });
    fs.writeFileSync(test.path, backup);
    await expect(test.open().assignPort("/p/new")).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
    await expect(test.open().releasePort("/p/manual")).resolves.toMatchObject({ status: "released" });
    await expect(test.open().assignPort("/p/new")).resolves.not.toMatchObject({ port });
    await expect(test.open().getAssignment("/p/live")).resolves.toMatchObject({ port });
  });

  test("by a backup in which another project has its port", async () => {
    const test = await TestRegistry.create(1);
    const registry = test.open();
    await registry.assignPort("/p/former", { holder: manualHolder() });
    const backup = fs.readFileSync(test.path);
    await registry.releasePort("/p/former");
    const holder = await uniqueProcessHolder();
    const { port } = await registry.assignPort("/p/live", { holder });
    fs.writeFileSync(test.path, backup);
    await expect(test.open().assignPort("/p/new")).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
    await expect(registry.releasePort("/p/live", { holder })).resolves.toMatchObject({ port, status: "released" });
  });

  test("by none, because it was deleted, or by a new one", async () => {
    const test = await TestRegistry.create(2);
    const { port } = await test.open().assignPort("/p/live", { holder: await uniqueProcessHolder() });
    fs.rmSync(test.path);
    expect((await test.open().assignPort("/p/a")).port).toBe(port + 1);
    await expect(test.open().getAssignment("/p/live")).resolves.toMatchObject({ port });
  });

  test.each(["a release", "another assignment"])(
    "by a backup whose files were copied over those that are there, before %s",
    async (next) => {
      const test = await TestRegistry.create(2);
      await test.open().assignPort("/p/former", { holder: manualHolder() });
      await test.open().releasePort("/p/former");
      const backup = `${test.directory}-backup`;
      onTestFinished(() => fs.rmSync(backup, { recursive: true }));
      fs.cpSync(test.directory, backup, { recursive: true });
      const { port } = await test.open().assignPort("/p/live", { holder: await uniqueProcessHolder() });
      fs.cpSync(backup, test.directory, { recursive: true });
      await expect(test.open().getAssignment("/p/live")).resolves.toMatchObject({ port });
      if (next === "a release") {
        await expect(test.open().releasePort("/p/live")).resolves.toMatchObject({ port, status: "released" });
        return;
      }
      await expect(test.open().assignPort("/p/new")).resolves.not.toMatchObject({ port });
      await expect(test.open().getAssignment("/p/live")).resolves.toMatchObject({ port });
      expect(fs.readdirSync(`${test.path}.commit`).filter((name) => name.startsWith("head."))).toHaveLength(1);
    },
  );

  test("while a commit is not published yet", async () => {
    const test = await TestRegistry.create(2);
    await test.open().assignPort("/p/other", { holder: await uniqueProcessHolder() });
    const backup = fs.readFileSync(test.path);
    const { port } = await test.open().assignPort("/p/live", { holder: await uniqueProcessHolder() });
    await test.open().releasePort("/p/other");
    const [head = ""] = fs.readdirSync(`${test.path}.commit`).filter((name) => name.startsWith("head."));
    fs.renameSync(test.path, `${test.path}.commit/${head.replace("head", "data")}`);
    fs.writeFileSync(test.path, backup);
    const seen = (await test.open().listAll()).map(({ projectKey, port }) => ({ projectKey, port }));
    expect(seen).toEqual([{ projectKey: "/p/live", port }]);
  });

  test("unless the Python tool has given its port to another project since", async () => {
    const test = await TestRegistry.create(2);
    const { port } = await test.open().assignPort("/p/live", { holder: await uniqueProcessHolder() });
    const theirs = {
      project_path: "/p/python",
      port,
      assigned_at: "2026-11-23T05:06:07.123456",
      assignment_type: "auto",
      status: "active",
      container_name: null,
    };
    const document = { schema_version: "1.0", assignments: [theirs], iris_ports: {} };
    fs.writeFileSync(test.path, JSON.stringify(document));
    expect((await test.open().assignPort("/p/a")).port).toBe(port + 1);
    await expect(test.open().getAssignment("/p/python")).resolves.toMatchObject({ port });
  });

  test.each(["deleted", "replaced by an older backup"])(
    "and is listed before the next change where it was %s",
    async (how) => {
      const test = await TestRegistry.create(3);
      await test.open().assignPort("/p/manual", { holder: manualHolder() });
      const backup = fs.readFileSync(test.path);
      const { port } = await test.open().assignPort("/p/live", { holder: await uniqueProcessHolder() });
      if (how === "deleted") fs.rmSync(test.path);
      else fs.writeFileSync(test.path, backup);
      const before = await test.open().listAll();
      expect(before).toContainEqual(expect.objectContaining({ projectKey: "/p/live", port, status: "active" }));
      await expect(test.open().inspect("/p/live")).resolves.toMatchObject({ port });
      expect(fs.existsSync(test.path) && fs.readFileSync(test.path)).toEqual(how !== "deleted" && backup);
      await test.open().assignPort("/p/new");
      const after = await test.open().listAll();
      expect(after.filter(({ projectKey }) => projectKey !== "/p/new")).toMatchObject(
        before.map(({ projectKey, port }) => ({ projectKey, port })),
      );
    },
  );
});

describe("commits that were restored from an older backup", () => {
  const commits = (test: TestRegistry) => `${test.path}.commit`;
  const revision = (test: TestRegistry) => test.json().iris_ports.revision;

  const pending = "with a version that a killed process had not published";
  test.each([
    ["", "a change"],
    [pending, "a change"],
    [pending, "a repair"],
  ])("cost no newer assignment its port %s, after %s", async (pending, after) => {
    const test = await TestRegistry.create(2);
    const registry = test.open();
    const other = await registry.assignPort("/p/other", { holder: await uniqueProcessHolder() });
    const backup = `${test.directory}/backup`;
    fs.cpSync(commits(test), backup, { recursive: true });
    if (pending !== "") {
      const [head = ""] = fs.readdirSync(backup).filter((name) => name.startsWith("head."));
      fs.renameSync(`${backup}/${head}`, `${backup}/head.2.dead`);
      fs.copyFileSync(test.path, `${backup}/data.2.dead`);
    }
    await registry.releasePort("/p/other");
    const live = await registry.assignPort("/p/live", { preferredPort: other.port });
    const before = revision(test);
    fs.rmSync(commits(test), { recursive: true });
    fs.renameSync(backup, commits(test));
    await expect(registry.getAssignment("/p/live")).resolves.toMatchObject({ port: live.port });
    if (after === "a repair") await registry.rebuild();
    await registry.assignPort("/p/next");
    await expect(test.open().getAssignment("/p/live")).resolves.toMatchObject({ port: live.port });
    await expect(test.open().getAssignment("/p/other")).resolves.toBeUndefined();
    expect(revision(test)).toBeGreaterThan(before);
  });
});
