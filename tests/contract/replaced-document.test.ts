import fs from "node:fs";
import { describe, expect, test } from "vitest";
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

  test("by nothing: it was deleted, or a new one was begun", async () => {
    const test = await TestRegistry.create(2);
    const { port } = await test.open().assignPort("/p/live", { holder: await uniqueProcessHolder() });
    fs.rmSync(test.path);
    expect((await test.open().assignPort("/p/a")).port).toBe(port + 1);
    await expect(test.open().getAssignment("/p/live")).resolves.toMatchObject({ port });
  });

  test("except where the Python tool has given its port to another project since", async () => {
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
