import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { IrisPortsError } from "../../src/ports/errors.ts";
import { RegistryCore } from "../../src/ports/registry.ts";
import { FileStore } from "../../src/stores/file-store.ts";
import type { DiskOrder } from "../fixtures/disk-worker.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";
import { Program } from "../helpers/processes.ts";
import { temporaryDirectory } from "../helpers/registry.ts";
import { durationMs, report } from "./figures.ts";
import { memoryDirectory } from "./memory-directory.ts";

const RANGE = [40_000, 40_099] as const;
const PAGE = 4_096;
const NOBODY = 65_534;
const mountProblem = findMountProblem();
if (mountProblem !== undefined) console.log(`disk: nothing can be mounted here, skipped: ${mountProblem}`);

function open(path: string, isDurable = true): RegistryCore {
  const options = { engine: new FakeEngine(), probe: async () => true, portRange: RANGE, lockTimeoutMs: 300 };
  return new RegistryCore({ registryPath: path, isDurable, ...options });
}

/** The code of our error, or undefined where it worked; any other error fails the test. */
async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    expect(error, String((error as Error).stack)).toBeInstanceOf(IrisPortsError);
    return (error as IrisPortsError).code;
  }
}

async function heldPorts(path: string): Promise<Record<string, number>> {
  const listed = await open(path).listAll();
  return Object.fromEntries(listed.map(({ projectPath, port }) => [projectPath, port]));
}

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Mounts something until the test ends. */
function mounted(...args: string[]): string {
  const path = temporaryDirectory();
  run("mount", ...args, path);
  onTestFinished(() => void run("umount", "--lazy", path));
  return path;
}

function findMountProblem(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "that takes root on Linux";
  const path = fs.mkdtempSync("/tmp/iris-ports-mount-");
  try {
    run("mount", "-t", "tmpfs", "tmpfs", path);
    run("umount", path);
    return undefined;
  } catch (cause) {
    return String((cause as Error).message);
  } finally {
    fs.rmdirSync(path);
  }
}

describe.runIf(mountProblem === undefined)("a disk", () => {
  test.each([true, false])(
    "that is full, at whatever page, is named, and nothing is lost (durable: %s)",
    async (isDurable) => {
      const home = mounted("-t", "tmpfs", "-o", "size=128k,nr_inodes=64", "tmpfs");
      const path = join(home, "registry", "port-registry.json");
      // Several pages, so that a version can end in the middle.
      for (let n = 0; n < 20; n++) await open(path, isDurable).assignPort(`/project-${n}`);
      const held = await heldPorts(path);
      const filler = join(home, "filler");
      let faults = 0;
      for (let freePages = 0; freePages < 10; freePages++) {
        fill(filler, freePages);
        const project = `/new-${freePages}`;
        const code = await codeOf(open(path, isDurable).assignPort(project));
        fs.rmSync(filler);
        if (code === undefined) held[project] = (await open(path).getAssignment(project))?.port as number;
        else faults++;
        expect([undefined, "REGISTRY_ACCESS"]).toContain(code);
        expect(await heldPorts(path)).toEqual(held);
      }
      report("disk: full", { operations: 30, faults, violations: 0 });
      expect(faults).toBeGreaterThan(0);
      expect(faults).toBeLessThan(10);
    },
  );

  test("that has no inode left is named, at the first assignment too", async () => {
    const home = mounted("-t", "tmpfs", "-o", "size=1m,nr_inodes=40", "tmpfs");
    let faults = 0;
    for (let freeInodes = 0; freeInodes < 8; freeInodes++) {
      const path = join(home, `registry-${freeInodes}`, "port-registry.json");
      const fillers: string[] = [];
      for (let n = 0; ; n++) if (!isCreated(join(home, `filler-${n}`), fillers)) break;
      for (const filler of fillers.splice(0, freeInodes)) fs.rmSync(filler);
      const code = await codeOf(open(path).assignPort("/new"));
      for (const filler of fillers) fs.rmSync(filler);
      if (code !== undefined) faults++;
      expect([undefined, "REGISTRY_ACCESS"]).toContain(code);
      await open(path).assignPort("/after");
      expect(Object.keys(await heldPorts(path)).sort()).toEqual(code === undefined ? ["/after", "/new"] : ["/after"]);
      fs.rmSync(dirname(path), { recursive: true });
    }
    expect(faults).toBeGreaterThan(2);
  });

  test("that becomes read-only is named, can be read, and is used again when it can be written", async () => {
    const home = mounted("-t", "tmpfs", "tmpfs");
    const path = join(home, "port-registry.json");
    const { port } = await open(path).assignPort("/project");
    const bytes = fs.readFileSync(path);
    run("mount", "-o", "remount,ro", home);
    await expect(open(path).assignPort("/other")).rejects.toThrow(/EROFS.*[\s\S]*read-only/);
    await expect(open(path).releasePort("/project")).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
    expect((await open(path).getAssignment("/project"))?.port).toBe(port);
    expect(await open(path).listAll()).toHaveLength(1);
    expect(fs.readFileSync(path)).toEqual(bytes);
    run("mount", "-o", "remount,rw", home);
    await open(path).assignPort("/other");
    expect(Object.keys(await heldPorts(path))).toEqual(["/project", "/other"]);
  });
});

describe("a file system without case, hard links and modes", () => {
  const [lower, capital, upper] = [
    "registry/port-registry.json",
    "Registry/Port-Registry.json",
    "REGISTRY/PORT-REGISTRY.JSON",
  ] as const;

  /** However they spell the path, they keep apart, and read each other's. */
  async function commitUnderAllSpellings(home: string, env: Record<string, string> = {}): Promise<void> {
    const committers = [lower, capital, upper].map((spelling, n) =>
      Program.node("committer.ts", [join(home, spelling), `worker-${n}`, 40, "", n], env),
    );
    for (const committer of committers) await committer.output();
    const store = new FileStore({ path: join(home, lower), lockTimeoutMs: 5_000, isDurable: true });
    const { own } = (await store.read()).unknown;
    expect(Object.fromEntries(own)).toMatchObject({ "worker-0": 40, "worker-1": 40, "worker-2": 40, total: 120 });
    expect(fs.readdirSync(home)).toHaveLength(1);
  }

  test.runIf(process.platform === "linux")(
    "keeps writers apart, however they spell the path (as told by a preloaded module)",
    async () => {
      const home = memoryDirectory();
      const preload = new URL("../fixtures/plain-disk.ts", import.meta.url).href;
      await commitUnderAllSpellings(home, { NODE_OPTIONS: `--import=${preload}`, PLAIN_DISK: home });
      report("disk: without case and modes", { operations: 120, violations: 0 });
    },
  );

  test.runIf(mountProblem === undefined)(
    "keeps writers apart, however they spell the path (vfat)",
    async ({ skip }) => {
      const image = join(temporaryDirectory(), "image");
      fs.writeFileSync(image, "");
      fs.truncateSync(image, 8 * 2 ** 20);
      const home = skipUnless(skip, () => {
        run("mkfs.vfat", image);
        return mounted("-t", "vfat", "-o", "loop", image);
      });
      await commitUnderAllSpellings(home);
      const { port } = await open(join(home, capital)).assignPort("/project");
      expect((await open(join(home, upper)).getAssignment("/project"))?.port).toBe(port);
      report("disk: vfat", { operations: 122, violations: 0 });
    },
  );
});

/** Leaves so many pages free. */
function fill(path: string, freePages: number): void {
  const fd = fs.openSync(path, "w");
  let pages = 0;
  try {
    for (; ; pages++) fs.writeSync(fd, Buffer.alloc(PAGE));
  } catch (cause) {
    expect(cause).toMatchObject({ code: "ENOSPC" });
  }
  fs.ftruncateSync(fd, Math.max(0, pages - freePages) * PAGE);
  fs.closeSync(fd);
}

function isCreated(path: string, created: string[]): boolean {
  try {
    fs.closeSync(fs.openSync(path, "w"));
    created.push(path);
    return true;
  } catch (cause) {
    expect(cause).toMatchObject({ code: "ENOSPC" });
    return false;
  }
}

function skipUnless<T>(skip: (why: string) => never, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const why = `no vfat here (it takes dosfstools and the kernel's support): ${(cause as Error).message.trim()}`;
    console.log(`disk: ${why}`);
    return skip(why);
  }
}

/** Lets workers run while `harm` is done to the files over and over, and `mend` at the end; then all must work again. */
async function amid(
  name: string,
  path: string,
  order: Partial<DiskOrder>,
  harm: (turn: number) => void,
  mend: () => void,
): Promise<readonly string[]> {
  const workers = ["one", "two", "three"].map((worker) => {
    const full: DiskOrder = { registryPath: path, portRange: RANGE, name: worker, ...order };
    return Program.node("disk-worker.ts", [JSON.stringify(full)]);
  });
  for (const worker of workers) await worker.nextLine();
  const deadline = performance.now() + Math.min(durationMs(2_500), 60_000);
  let faults = 0;
  while (performance.now() < deadline) {
    harm(faults++);
    await delay(5 + 60 * Math.random());
  }
  mend();
  for (const worker of workers) {
    const seen = worker.lines.length;
    // The first may be of a turn that began before; two that worked show that it works again.
    await expect
      .poll(() => worker.lines.slice(seen).filter((line) => line === "ok").length, { timeout: 20_000 })
      .toBeGreaterThan(1);
    worker.signal("SIGTERM");
    await worker.output();
  }
  const lines = workers.flatMap((worker) => worker.lines);
  const violations = lines.filter((line) => line.startsWith("!"));
  report(`disk: ${name}`, { operations: lines.length, faults, violations: violations.length });
  expect(violations.slice(0, 10)).toEqual([]);
  return lines;
}

describe.runIf(process.platform !== "win32")("while processes are at work", () => {
  test.runIf(process.getuid?.() === 0)("permissions are taken away and given back", async () => {
    const path = join(memoryDirectory(), "port-registry.json");
    fs.chownSync(dirname(path), NOBODY, NOBODY);
    const targets = [dirname(path), path, `${path}.commit`];
    const set = (target: string, mode: number) => fs.existsSync(target) && fs.chmodSync(target, mode);
    const harm = (turn: number) => {
      const target = targets[turn % 3] as string;
      set(target, [0o000, 0o500, 0o400, 0o700][Math.floor(turn / 3) % 4] as number);
    };
    const mend = () => targets.forEach((target) => void set(target, target === path ? 0o600 : 0o700));
    const heal = setInterval(mend, 47);
    const lines = await amid("permissions", path, { uid: NOBODY }, harm, mend).finally(() => clearInterval(heal));
    expect(lines).toContain("REGISTRY_ACCESS");
  });

  test("the commit directory is deleted again and again: nothing that was acknowledged is lost", async () => {
    const path = join(memoryDirectory(), "port-registry.json");
    await amid(
      "commit directory deleted",
      path,
      {},
      () => remove(`${path}.commit`),
      () => undefined,
    );
  });

  test("the whole directory is deleted again and again: every operation works or says what is wrong", async () => {
    const path = join(memoryDirectory(), "registry", "port-registry.json");
    await amid(
      "directory deleted",
      path,
      { isErasable: true },
      () => remove(dirname(path)),
      () => undefined,
    );
    expect(fs.existsSync(path)).toBe(true);
  });

  test("the document is deleted again and again: a new one is begun", async () => {
    const path = join(memoryDirectory(), "registry", "port-registry.json");
    await amid(
      "document deleted",
      path,
      { isErasable: true },
      () => remove(path),
      () => undefined,
    );
    expect(fs.existsSync(path)).toBe(true);
  });
});

/** They may be making files in it just now. */
function remove(path: string): void {
  try {
    fs.rmSync(path, { recursive: true, force: true });
  } catch (cause) {
    expect((cause as NodeJS.ErrnoException).code).toBe("ENOTEMPTY");
  }
}

describe.runIf(process.platform !== "win32")("a symbolic link in the place of", () => {
  const cases = ["", ".commit", ".lock", ".commit/lock-owner", "lock of the Python tool"];

  test.for(cases)("port-registry.json%s to a file or a directory is not followed", async (suffix) => {
    for (const kind of ["file", "directory", "nothing"] as const) {
      const home = temporaryDirectory();
      const path = join(home, "registry", "port-registry.json");
      await open(path).assignPort("/project");
      const document = fs.readFileSync(path);
      const outside = join(home, "outside");
      const victim = join(outside, "victim");
      fs.mkdirSync(outside);
      if (kind === "file") fs.writeFileSync(victim, document);
      if (kind === "directory") fs.mkdirSync(victim);
      const link = suffix.startsWith("lock") ? join(dirname(path), "port-registry.lock") : path + suffix;
      fs.rmSync(link, { recursive: true, force: true });
      fs.symlinkSync(victim, link);
      const before = look(outside);
      const allowed = [undefined, "REGISTRY_ACCESS", "PORT_ASSIGNMENT_TIMEOUT", "PORT_NOT_ASSIGNED"];
      expect(allowed).toContain(await codeOf(open(path).assignPort("/other")));
      expect(allowed).toContain(await codeOf(open(path).releasePort("/other")));
      expect(allowed).toContain(await codeOf(open(path).listAll()));
      expect(look(outside), kind).toEqual(before);
      if (suffix === "" || suffix === ".commit")
        expect(await codeOf(open(path).assignPort("/third"))).toBe("REGISTRY_ACCESS");
      if (suffix !== "") expect(Object.keys(JSON.parse(fs.readFileSync(path, "utf8")))).toContain("assignments");
      fs.rmSync(link, { recursive: true });
      await open(path).assignPort("/fourth");
    }
  });
});

/** Everything that a write would change. */
function look(directory: string): unknown {
  return fs.readdirSync(directory, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    const { mtimeMs, ctimeMs, mode, size } = fs.lstatSync(path);
    return { path, mtimeMs, ctimeMs, mode, size, text: entry.isFile() ? fs.readFileSync(path, "utf8") : "" };
  });
}
