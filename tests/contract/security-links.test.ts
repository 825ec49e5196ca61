import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Program } from "../helpers/processes.ts";
import { TestRegistry, temporaryDirectory } from "../helpers/registry.ts";

/** A directory with one precious file, and a check that both are as they were. */
function victim(): { directory: string; file: string; expectUntouched: () => void } {
  const directory = temporaryDirectory();
  const file = join(directory, "precious");
  fs.writeFileSync(file, "precious", { mode: 0o600 });
  const before = fs.statSync(file);
  const expectUntouched = () => {
    expect(fs.readdirSync(directory)).toEqual(["precious"]);
    expect(fs.readFileSync(file, "utf8")).toBe("precious");
    const { mode, mtimeMs, uid, gid } = fs.statSync(file);
    expect({ mode, mtimeMs, uid, gid }).toEqual({
      mode: before.mode,
      mtimeMs: before.mtimeMs,
      uid: before.uid,
      gid: before.gid,
    });
  };
  return { directory, file, expectUntouched };
}

async function withAssignment(): Promise<TestRegistry> {
  const registry = await TestRegistry.create();
  await registry.open().assignPort(registry.project("shop"));
  return registry;
}

let tries = 0;
// A project of its own each time: one that has a port already needs no lock.
const tryAssign = (registry: TestRegistry) =>
  registry
    .open({ lockTimeoutMs: 300 })
    .assignPort(registry.project(`other-${tries++}`))
    .catch((error: unknown) => error);

// Making a link needs a privilege there.
describe.skipIf(process.platform === "win32")("D7: a planted link", () => {
  it.each([
    ["the document", ""],
    ["the commit directory", ".commit"],
    ["the lock", ".lock"],
  ])("as %s is never followed: nothing outside is read, written or removed", async (_, suffix) => {
    const registry = await withAssignment();
    const { directory, file, expectUntouched } = victim();
    for (const target of [directory, file]) {
      fs.rmSync(registry.path + suffix, { recursive: true, force: true });
      fs.symlinkSync(target, registry.path + suffix);
      expect(await tryAssign(registry)).toMatchObject({
        // What a link to something that was just touched looks like: a lock that is held.
        code: expect.stringMatching(suffix === ".lock" ? "REGISTRY_ACCESS|PORT_ASSIGNMENT_TIMEOUT" : "REGISTRY_ACCESS"),
        message: expect.stringContaining(suffix),
      });
      expectUntouched();
      const { cleared } = await registry.open({ lockTimeoutMs: 300 }).rebuild();
      const { keptAs } = cleared.find(({ path }) => path === registry.path + suffix) ?? {};
      expect(fs.readlinkSync(keptAs as string)).toBe(target);
      expect(await tryAssign(registry)).toMatchObject({ port: expect.any(Number) });
      expectUntouched();
    }
  });

  it("as the note of the lock's owner is never written through", async () => {
    const registry = await withAssignment();
    const { file, expectUntouched } = victim();
    const note = `${registry.path}.commit/lock-owner`;
    fs.rmSync(note, { force: true });
    fs.symlinkSync(file, note);
    expect(await tryAssign(registry)).toMatchObject({ port: registry.range[0] + 1 });
    expectUntouched();
    fs.mkdirSync(`${registry.path}.lock`);
    const error = await tryAssign(registry);
    expect(error).toMatchObject({ code: "PORT_ASSIGNMENT_TIMEOUT", lockOwner: undefined });
    expectUntouched();
  });

  it("and a planted FIFO as the note of the lock's owner holds up nobody", async () => {
    const registry = await withAssignment();
    const note = `${registry.path}.commit/lock-owner`;
    expect(spawnSync("mkfifo", [note]).status).toBe(0);
    // In another process, which can be killed: opening the FIFO would block this one.
    const program = Program.node("assigner.ts", [registry.path, registry.range.join("-"), "/p/other"]);
    expect(JSON.parse(String(await program.nextLine()))).toMatchObject({ port: registry.range[0] + 1 });
  });

  it("as a head or a version in the commit directory is never published or written through", async () => {
    const registry = await withAssignment();
    const commits = `${registry.path}.commit`;
    const { file, expectUntouched } = victim();
    const head = fs.readdirSync(commits).find((name) => name.startsWith("head.")) as string;
    fs.symlinkSync(file, join(commits, head.replace("head", "data")));
    fs.rmSync(join(commits, head));
    fs.symlinkSync(file, join(commits, head));
    await tryAssign(registry);
    expectUntouched();
    expect(fs.lstatSync(registry.path).isFile()).toBe(true);
    expect(await registry.open().listAll()).toMatchObject([{ port: registry.range[0] }, {}]);
  });

  it("as the Python tool's lock is not opened", async () => {
    const registry = await withAssignment();
    const { file, expectUntouched } = victim();
    fs.symlinkSync(file, join(registry.directory, "port-registry.lock"));
    expect(await tryAssign(registry)).toMatchObject({ port: registry.range[0] + 1 });
    expectUntouched();
  });

  it("as the copy of a corrupt document is replaced, and the bytes are kept all the same", async () => {
    const registry = await withAssignment();
    registry.write("[]");
    const copy = ((await tryAssign(registry)) as { backupPath: string }).backupPath;
    const { file, expectUntouched } = victim();
    fs.rmSync(copy);
    fs.symlinkSync(file, copy);
    expect(await tryAssign(registry)).toMatchObject({ code: "REGISTRY_CORRUPT", backupPath: copy });
    expect(fs.lstatSync(copy).isFile()).toBe(true);
    expect(fs.readFileSync(copy, "utf8")).toBe("[]");
    expectUntouched();
  });
});

describe("a planted lock", () => {
  it("and is refreshed for ever ends in a time-out that names owner, lock and remedy", async () => {
    const registry = await withAssignment();
    const lock = `${registry.path}.lock`;
    fs.mkdirSync(lock);
    const refresh = setInterval(() => fs.utimesSync(lock, new Date(), new Date()), 200);
    onTestFinished(() => clearInterval(refresh));
    const begin = performance.now();
    const error = await registry
      .open({ lockTimeoutMs: 5_000 })
      .assignPort(registry.project("other"))
      .catch((e: unknown) => e);
    expect(performance.now() - begin).toBeGreaterThan(4_900);
    expect(error).toMatchObject({
      code: "PORT_ASSIGNMENT_TIMEOUT",
      lockPath: lock,
      timeoutMs: 5_000,
      remedy: expect.stringContaining(`rmdir ${lock}`),
    });
    // Reading needs no lock.
    expect(await registry.open().getAssignment(registry.project("shop"))).toMatchObject({ port: registry.range[0] });
  });

  it("and never refreshed is taken over, even if its time is in the future", async () => {
    const registry = await withAssignment();
    const lock = `${registry.path}.lock`;
    const tomorrow = new Date(Date.now() + 86_400_000);
    fs.mkdirSync(lock);
    fs.utimesSync(lock, tomorrow, tomorrow);
    expect(await registry.open().assignPort(registry.project("other"))).toMatchObject({ port: registry.range[0] + 1 });
  });

  it.each<[string, (lock: string) => void]>([
    ["is a file", (lock) => fs.writeFileSync(lock, "")],
    ["holds a file", (lock) => fs.mkdirSync(join(lock, "planted"), { recursive: true })],
  ])("and %s is named, with the command that moves it away", async (_, plant) => {
    const registry = await withAssignment();
    const lock = `${registry.path}.lock`;
    plant(lock);
    fs.utimesSync(lock, 0, 0);
    expect(
      await registry
        .open()
        .assignPort(registry.project("other"))
        .catch((e: unknown) => e),
    ).toMatchObject({
      code: "REGISTRY_ACCESS",
      message: expect.stringContaining(lock),
      remedy: expect.stringContaining("iris-ports doctor --repair"),
    });
    expect(fs.existsSync(lock)).toBe(true);
  });
});
