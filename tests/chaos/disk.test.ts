import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { FileStore } from "../../src/stores/file-store.ts";
import { Program } from "../helpers/processes.ts";
import { temporaryDirectory } from "../helpers/registry.ts";
import { report } from "./figures.ts";
import { memoryDirectory } from "./memory-directory.ts";
import { codeOf, openOnDisk } from "./on-disk.ts";

const PAGE = 4_096;
const mountProblem = findMountProblem();
if (mountProblem !== undefined) console.log(`disk: nothing can be mounted here, skipped: ${mountProblem}`);

async function heldPorts(path: string): Promise<Record<string, number>> {
  const listed = await openOnDisk(path).listAll();
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
      for (let n = 0; n < 20; n++) await openOnDisk(path, isDurable).assignPort(`/project-${n}`);
      const held = await heldPorts(path);
      const filler = join(home, "filler");
      let faults = 0;
      for (let freePages = 0; freePages < 10; freePages++) {
        fill(filler, freePages);
        const project = `/new-${freePages}`;
        const code = await codeOf(openOnDisk(path, isDurable).assignPort(project));
        fs.rmSync(filler);
        if (code === undefined) held[project] = (await openOnDisk(path).getAssignment(project))?.port as number;
        else faults++;
        expect([undefined, "REGISTRY_ACCESS"]).toContain(code);
        expect(await heldPorts(path)).toEqual(held);
      }
      report("disk: full", { operations: 30, faults, violations: 0 });
      expect(faults).toBeGreaterThan(0);
      expect(faults).toBeLessThan(10);
    },
  );

  test("that is full but for a replaced version, which is being closed, is not full", async () => {
    const home = mounted("-t", "tmpfs", "-o", "size=128k,nr_inodes=64", "tmpfs");
    const path = join(home, "registry", "port-registry.json");
    for (let n = 0; n < 20; n++) await openOnDisk(path).assignPort(`/project-${n}`);
    const pages = Math.ceil(fs.statSync(path).size / PAGE);
    const freeThreads = blockThreadPool();
    await openOnDisk(path).assignPort("/last");
    // Two pages too few for the next version and its copy: the replaced version still has its own.
    fill(join(home, "filler"), 2 * pages - 2);
    const code = codeOf(openOnDisk(path).assignPort("/new"));
    await delay(300);
    freeThreads();
    expect(await code).toBeUndefined();
  });

  test("that has no inode left is named, even at the first assignment", async () => {
    const home = mounted("-t", "tmpfs", "-o", "size=1m,nr_inodes=40", "tmpfs");
    let faults = 0;
    for (let freeInodes = 0; freeInodes < 8; freeInodes++) {
      const path = join(home, `registry-${freeInodes}`, "port-registry.json");
      const fillers: string[] = [];
      for (let n = 0; ; n++) if (!isCreated(join(home, `filler-${n}`), fillers)) break;
      for (const filler of fillers.splice(0, freeInodes)) fs.rmSync(filler);
      const code = await codeOf(openOnDisk(path).assignPort("/new"));
      for (const filler of fillers) fs.rmSync(filler);
      if (code !== undefined) faults++;
      expect([undefined, "REGISTRY_ACCESS"]).toContain(code);
      await openOnDisk(path).assignPort("/after");
      expect(Object.keys(await heldPorts(path)).sort()).toEqual(code === undefined ? ["/after", "/new"] : ["/after"]);
      fs.rmSync(dirname(path), { recursive: true });
    }
    expect(faults).toBeGreaterThan(2);
  });

  test("that becomes read-only is named, can be read, and is used again when it can be written", async () => {
    const home = mounted("-t", "tmpfs", "tmpfs");
    const path = join(home, "port-registry.json");
    const { port } = await openOnDisk(path).assignPort("/project");
    const bytes = fs.readFileSync(path);
    // The replaced version stays open for a moment, and the system refuses until then.
    await vi.waitFor(() => run("mount", "-o", "remount,ro", home), { timeout: 10_000 });
    await expect(openOnDisk(path).assignPort("/other")).rejects.toThrow(/EROFS.*[\s\S]*read-only/);
    await expect(openOnDisk(path).releasePort("/project")).rejects.toMatchObject({ code: "REGISTRY_ACCESS" });
    expect((await openOnDisk(path).getAssignment("/project"))?.port).toBe(port);
    expect(await openOnDisk(path).listAll()).toHaveLength(1);
    expect(fs.readFileSync(path)).toEqual(bytes);
    run("mount", "-o", "remount,rw", home);
    await openOnDisk(path).assignPort("/other");
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
      const { port } = await openOnDisk(join(home, capital)).assignPort("/project");
      expect((await openOnDisk(join(home, upper)).getAssignment("/project"))?.port).toBe(port);
      report("disk: vfat", { operations: 122, violations: 0 });
    },
  );
});

/** Keeps the threads that close files busy, until the returned function is called. */
function blockThreadPool(): () => void {
  const fifo = join(temporaryDirectory(), "fifo");
  run("mkfifo", fifo);
  const threads = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4);
  // Opening a FIFO waits for its writer.
  for (let n = 0; n < threads; n++) fs.open(fifo, (_, fd) => fs.closeSync(fd));
  return () => {
    const writer = fs.openSync(fifo, fs.constants.O_RDWR);
    onTestFinished(() => fs.closeSync(writer));
  };
}

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
