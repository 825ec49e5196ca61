import fs from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { Program } from "../helpers/processes.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

beforeEach(() => {
  // What was found once is remembered by the module.
  vi.resetModules();
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** A machine that has only these commands. */
function onlyCommands(...names: readonly string[]): void {
  const bin = temporaryDirectory();
  for (const name of names) {
    // The system's own before any shim that itself needs other commands.
    const folders = ["/usr/bin", "/bin", ...(process.env["PATH"] ?? "").split(delimiter)];
    const found = folders.map((folder) => join(folder, name));
    fs.symlinkSync(found.find((path) => fs.existsSync(path)) ?? `no ${name} on this machine`, join(bin, name));
  }
  vi.stubEnv("PATH", bin);
}

const HOLD =
  "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(600)";
const TRY =
  "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB); print('free')";

/** Whether the Python tool could take its lock now. */
async function isFreeFor(lockPath: string): Promise<boolean> {
  return (
    (await new Program("/usr/bin/env", ["PATH=/usr/local/bin:/usr/bin:/bin", "python3", "-c", TRY, lockPath]).ended())
      .code === 0
  );
}

describe.skipIf(process.platform !== "linux")("the Python tool's lock", () => {
  test.each(["flock", "perl", "python3"])(
    "is taken by %s where that is what the system has, and given back",
    async (command) => {
      const lockPath = join(temporaryDirectory(), "port-registry.lock");
      fs.writeFileSync(lockPath, "");
      onlyCommands(command);
      const { findLocker, lockNeighbour } = await import("../../src/stores/neighbour-lock.ts");
      expect(await findLocker()).toBe(command);
      const lock = await lockNeighbour(lockPath.replace(".lock", ".json"), 5_000);
      expect(await isFreeFor(lockPath)).toBe(false);
      lock?.release();
      expect(await isFreeFor(lockPath)).toBe(true);
      (await lockNeighbour(lockPath.replace(".lock", ".json"), 5_000))?.release();
    },
  );

  test("is left alone if no program can take it", async () => {
    const directory = temporaryDirectory();
    const lockPath = join(directory, "port-registry.lock");
    onlyCommands();
    const { findLocker, lockNeighbour } = await import("../../src/stores/neighbour-lock.ts");
    expect(await findLocker()).toBeUndefined();
    for (let turn = 0; turn < 2; turn++) (await lockNeighbour(join(directory, "port-registry.json"), 5_000))?.release();
    expect(await isFreeFor(lockPath)).toBe(true);
  });

  test.each([127, 1])("is taken with the next command if the first one only exits with %d", async (code) => {
    const lockPath = join(temporaryDirectory(), "port-registry.lock");
    fs.writeFileSync(lockPath, "");
    onlyCommands("perl", "sh");
    fs.writeFileSync(join(process.env["PATH"] as string, "flock"), `#!/bin/sh\nexit ${code}\n`, { mode: 0o755 });
    const { lockNeighbour } = await import("../../src/stores/neighbour-lock.ts");
    const lock = await lockNeighbour(lockPath.replace(".lock", ".json"), 5_000);
    expect(await isFreeFor(lockPath)).toBe(false);
    lock?.release();
  });

  test("is an error while no process can be started to take it, and is taken afterwards", async () => {
    const lockPath = join(temporaryDirectory(), "port-registry.lock");
    fs.writeFileSync(lockPath, "");
    onlyCommands();
    const broken = join(process.env["PATH"] as string, "flock");
    fs.symlinkSync("flock", broken);
    const { lockNeighbour } = await import("../../src/stores/neighbour-lock.ts");
    const refused = lockNeighbour(lockPath.replace(".lock", ".json"), 5_000);
    await expect(refused).rejects.toMatchObject({ code: "REGISTRY_ACCESS", what: expect.stringContaining("(ELOOP)") });
    onlyCommands("flock");
    const lock = await lockNeighbour(lockPath.replace(".lock", ".json"), 5_000);
    expect(await isFreeFor(lockPath)).toBe(false);
    lock?.release();
  });

  test.each<[string, (flags: number) => boolean, boolean]>([
    ["may only be read is taken", (flags) => (flags & fs.constants.O_RDWR) !== 0, true],
    ["may not even be read is an error with a remedy", () => true, false],
  ])("that %s", async (_, isRefused, isTaken) => {
    const lockPath = join(temporaryDirectory(), "ada's", "port-registry.lock");
    fs.mkdirSync(dirname(lockPath));
    fs.writeFileSync(lockPath, "");
    const { openSync } = fs;
    vi.spyOn(fs, "openSync").mockImplementation((path, flags, mode) => {
      if (path === lockPath && isRefused(flags as number)) throw Object.assign(new Error("no"), { code: "EACCES" });
      return openSync(path, flags, mode);
    });
    const { lockNeighbour } = await import("../../src/stores/neighbour-lock.ts");
    const lock = lockNeighbour(lockPath.replace(".lock", ".json"), 5_000);
    if (!isTaken)
      await expect(lock).rejects.toMatchObject({
        code: "REGISTRY_ACCESS",
        remedy: `let all users of the registry use it: chmod g+rw '${lockPath.replace("'", "'\\''")}'`,
      });
    else {
      const taken = await lock;
      expect(await isFreeFor(lockPath)).toBe(false);
      taken?.release();
    }
  });

  test("is taken anew if the file was removed meanwhile, because the tool then locks another one", async () => {
    const lockPath = join(temporaryDirectory(), "port-registry.lock");
    fs.writeFileSync(lockPath, "");
    const { openSync } = fs;
    let times = 0;
    vi.spyOn(fs, "openSync").mockImplementation((path, flags, mode) => {
      const fd = openSync(path, flags, mode);
      if (path === lockPath && times++ === 0) fs.rmSync(lockPath);
      return fd;
    });
    const { lockNeighbour } = await import("../../src/stores/neighbour-lock.ts");
    const lock = await lockNeighbour(lockPath.replace(".lock", ".json"), 5_000);
    expect([times, lock?.isAtPath()]).toEqual([2, true]);
    expect(await isFreeFor(lockPath)).toBe(false);
    lock?.release();
  });

  test("that is removed before it is opened is left to the next attempt", async () => {
    const lockPath = join(temporaryDirectory(), "port-registry.lock");
    const { openSync } = fs;
    vi.spyOn(fs, "openSync").mockImplementation((path, flags, mode) => {
      if (path === lockPath) fs.rmSync(lockPath);
      return openSync(path, flags, mode);
    });
    const { lockNeighbour } = await import("../../src/stores/neighbour-lock.ts");
    expect(await lockNeighbour(lockPath.replace(".lock", ".json"), 5_000)).toBeUndefined();
  });

  test("that is not free before perl's alarm is an error", async () => {
    const lockPath = join(temporaryDirectory(), "port-registry.lock");
    const owner = new Program("python3", ["-c", HOLD, lockPath]);
    expect(await owner.nextLine()).toBe("held");
    onlyCommands("perl");
    const { lockNeighbour, NeighbourBusyError } = await import("../../src/stores/neighbour-lock.ts");
    const refused = lockNeighbour(lockPath.replace(".lock", ".json"), 1_000);
    await expect(refused).rejects.toThrow(NeighbourBusyError);
    await expect(refused).rejects.toThrow("perl did not get the lock within 1 s");
  });

  test("is left alone on Windows, where it is another kind of lock", async () => {
    const lockPath = join(temporaryDirectory(), "port-registry.lock");
    fs.writeFileSync(lockPath, "");
    const platform = Object.getOwnPropertyDescriptor(process, "platform") as PropertyDescriptor;
    onTestFinished(() => void Object.defineProperty(process, "platform", platform));
    const { lockNeighbour, mayBeInside } = await import("../../src/stores/neighbour-lock.ts");
    Object.defineProperty(process, "platform", { ...platform, value: "win32" });
    expect(mayBeInside(lockPath.replace(".lock", ".json"))).toBe(false);
    expect(await lockNeighbour(lockPath.replace(".lock", ".json"), 5_000)).toBeUndefined();
  });

  test("is not taken through a symbolic link", async () => {
    const directory = temporaryDirectory();
    fs.writeFileSync(join(directory, "target"), "");
    fs.symlinkSync(join(directory, "target"), join(directory, "port-registry.lock"));
    const { lockNeighbour } = await import("../../src/stores/neighbour-lock.ts");
    const lock = await lockNeighbour(join(directory, "port-registry.json"), 5_000);
    expect(await isFreeFor(join(directory, "target"))).toBe(true);
    lock?.release();
  });

  test("that is not obtained in time is an error that names it", async () => {
    const directory = temporaryDirectory();
    const [path, lockPath] = [join(directory, "port-registry.json"), join(directory, "port-registry.lock")];
    const owner = new Program("python3", ["-c", HOLD, lockPath]);
    expect(await owner.nextLine()).toBe("held");
    const { FileStore } = await import("../../src/stores/file-store.ts");
    const store = new FileStore({ path, lockTimeoutMs: 300, isDurable: false });
    const update = () => store.update(async (document) => ({ document: { ...document }, result: undefined }));
    // The first waits for the tool's lock, and has ours meanwhile.
    const [refused, later] = await Promise.allSettled([update(), update()]);
    expect(later).toMatchObject({
      reason: {
        code: "PORT_ASSIGNMENT_TIMEOUT",
        lockPath: `${path}.lock`,
        state: expect.stringContaining("The lock of the Python tool iris-devtester is held as well"),
        remedy: `try again, or find the process that holds the other lock: fuser ${lockPath}`,
      },
    });
    expect(refused).toMatchObject({
      reason: {
        code: "PORT_ASSIGNMENT_TIMEOUT",
        lockPath,
        lockOwner: expect.stringContaining("iris-devtester"),
        remedy: expect.stringContaining(`fuser ${lockPath}`),
      },
    });
    expect(fs.existsSync(path)).toBe(false);
    expect(fs.existsSync(`${path}.lock`)).toBe(false);
  });
});
