import fs from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { manualHolder, uniqueProcessHolder } from "../../src/registry/holder.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import type { AssignmentRecord } from "../../src/stores/document.ts";
import { FileStore } from "../../src/stores/file-store.ts";
import { assignmentRecord } from "../helpers/documents.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

// The Python tool writes in place and knows nothing of commits. No program can be brought to write at just these moments.

const { openSync, readdirSync, renameSync } = fs;
let path: string;

beforeEach(() => {
  path = join(temporaryDirectory(), "port-registry.json");
});

afterEach(() => {
  vi.restoreAllMocks();
});

const open = () => new FileStore({ path, lockTimeoutMs: 20_000, isDurable: false });

/** Gives the project the first port from 1 on that is free. */
async function assign(project: string, during: () => void = () => {}): Promise<number> {
  return open().update(async (document) => {
    during();
    const taken = document.assignments.map(({ port }) => port);
    const port = [1, 2, 3, 4].find((one) => !taken.includes(one)) as number;
    const assignments = [...document.assignments, assignmentRecord(project, port)];
    return { document: { ...document, assignments }, result: port };
  });
}

async function ports(): Promise<Record<string, number>> {
  const { assignments } = await open().read();
  return Object.fromEntries(assignments.map(({ project_path, port }) => [project_path, port]));
}

/** What the tool makes of the document as it is now; it ends its files without a line break. */
function byTool(change: (assignments: AssignmentRecord[]) => AssignmentRecord[]): string {
  const json = JSON.parse(fs.readFileSync(path, "utf8"));
  return JSON.stringify({ ...json, assignments: change(json.assignments) }, null, 2);
}
const adding = (project: string, port: number) => byTool((known) => [...known, assignmentRecord(project, port)]);

/** Acts just before or just after the next publication. */
function atPublication(when: "before" | "after", act: () => void): void {
  let isDone = false;
  vi.spyOn(fs, "renameSync").mockImplementation((from, to) => {
    const isHit = !isDone && basename(String(from)).startsWith("data.");
    isDone ||= isHit;
    if (isHit && when === "before") act();
    renameSync(from, to);
    if (isHit && when === "after") act();
  });
}

describe("D2: what the Python tool writes", () => {
  test("while a change is made is read before the commit", async () => {
    await assign("/a");
    let times = 0;
    const port = await assign("/b", () => {
      if (times++ === 0) fs.writeFileSync(path, adding("/python", 2));
    });
    expect([port, times]).toEqual([3, 2]);
    expect(await ports()).toEqual({ "/a": 1, "/python": 2, "/b": 3 });
  });

  test("into a version just before it is replaced is not lost", async () => {
    await assign("/a");
    atPublication("before", () => fs.writeFileSync(path, adding("/python", 4)));
    expect(await assign("/b")).toBe(2);
    expect(await ports()).toEqual({ "/a": 1, "/b": 2, "/python": 4 });
  });

  test("into a version just before it is replaced keeps its port, and the change is made with another one", async () => {
    await assign("/a");
    atPublication("before", () => fs.writeFileSync(path, adding("/python", 2)));
    expect(await assign("/b")).toBe(3);
    expect(await ports()).toEqual({ "/a": 1, "/python": 2, "/b": 3 });
  });

  test("over a new version, made of the old one, does not undo the change", async () => {
    await assign("/a");
    const theirs = adding("/python", 4);
    atPublication("after", () => fs.writeFileSync(path, theirs));
    expect(await assign("/b")).toBe(2);
    expect(await ports()).toEqual({ "/a": 1, "/python": 4, "/b": 2 });
  });

  test("in half, into a version that is replaced, does not count", async () => {
    await assign("/a");
    atPublication("before", () => fs.writeFileSync(path, adding("/python", 4).slice(0, -30)));
    expect(await assign("/b")).toBe(2);
    expect(await ports()).toEqual({ "/a": 1, "/b": 2 });
  });

  test("while its document is adopted, and another process commits, is adopted with that commit", async () => {
    await assign("/a");
    fs.writeFileSync(path, JSON.stringify({ ...JSON.parse(adding("/python", 4)), iris_ports: {} }));
    const chain = `${path}.commit`;
    let looks = 0;
    vi.spyOn(fs, "readdirSync").mockImplementation(((at: string, options: object) => {
      // The second look finds out whether anything has moved since the first.
      if (at === chain && ++looks === 2) {
        const head = readdirSync(chain).find((name) => name.startsWith("head.")) as string;
        renameSync(join(chain, head), join(chain, `head.7.${"cd".repeat(8)}`));
      }
      return readdirSync(at, options);
    }) as typeof fs.readdirSync);
    expect(await assign("/b")).toBe(2);
    expect(await ports()).toEqual({ "/a": 1, "/python": 4, "/b": 2 });
    expect(JSON.parse(fs.readFileSync(path, "utf8")).iris_ports.revision).toBe(8);
  });
});

describe("D4: a document that takes the place of a version at the moment of its publication", () => {
  const registry = () =>
    new PortRegistry({
      registryPath: path,
      portRange: [1, 9],
      engine: false,
      isDurable: false,
      probe: async () => true,
    });
  const NEW = JSON.stringify({ schema_version: "1.0", assignments: [] });

  test.each([
    ["empty", "after", () => ""],
    ["a backup", "after", (backup: string) => backup],
    ["one that the tool begins", "after", () => NEW],
    ["one that the tool begins", "before", () => NEW],
  ] as const)("%s, just %s it, makes no change twice and costs no live holder its port", async (_, when, text) => {
    const holder = await uniqueProcessHolder();
    await registry().assignPort("/p/former", { holder: manualHolder() });
    const backup = fs.readFileSync(path, "utf8");
    await registry().releasePort("/p/former");
    const { port } = await registry().assignPort("/p/live", { holder: await uniqueProcessHolder() });
    await registry().assignPort("/p/leaving", { holder });
    atPublication(when, () => fs.writeFileSync(path, text(backup)));
    await expect(registry().releasePort("/p/leaving", { holder })).resolves.toMatchObject({ status: "released" });
    await registry().assignPort("/p/new");
    await expect(registry().getAssignment("/p/live")).resolves.toMatchObject({ port });
    await expect(registry().getAssignment("/p/leaving")).resolves.toBeUndefined();
  });
});

describe("a change that was published, but cannot be checked afterwards", () => {
  test.each([
    ["EIO", () => Object.assign(new Error("EIO: as the system says"), { code: "EIO" })],
    ["REGISTRY_CORRUPT", undefined],
  ])("because of %s is an error that says that it holds", async (code, failure) => {
    await assign("/a");
    atPublication("after", () => {
      if (failure === undefined) fs.writeFileSync(path, "[]");
      else failTo(failure());
    });
    const refused = assign("/b");
    await expect(refused).rejects.toMatchObject({
      code: "REGISTRY_ACCESS",
      what: expect.stringMatching(new RegExp(`was changed, but it could not be checked .* \\(${code}\\)`)),
      state: expect.stringContaining("The change holds"),
    });
    vi.restoreAllMocks();
    if (failure !== undefined) expect(await ports()).toEqual({ "/a": 1, "/b": 2 });
  });

  test("because of a programming error is not an error of the registry", async () => {
    await assign("/a");
    atPublication("after", () => failTo(new TypeError("a mistake of ours")));
    await expect(assign("/b")).rejects.toThrow(TypeError);
  });

  /** From now on the document cannot be opened. */
  function failTo(failure: Error): void {
    vi.spyOn(fs, "openSync").mockImplementation((at, flags, mode) => {
      if (at === path) throw failure;
      return openSync(at, flags, mode);
    });
  }
});
