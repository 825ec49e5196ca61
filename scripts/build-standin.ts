import { createHash } from "node:crypto";
import { chmod, cp, mkdir, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import lockfile from "proper-lockfile";
import { ContainerEngineError } from "../src/errors/errors.ts";
import { runCommand } from "./run-command.ts";

const FIXTURES = fileURLToPath(new URL("../tests/fixtures/", import.meta.url));
const STATIC_BUSYBOX = "/bin/busybox";

/**
 * The image of the IRIS stand-in, built unless the engine has it: `iris-ports/iris-standin:<hash of its files>`.
 * @throws ContainerEngineError when this machine has no static busybox and the public image cannot be pulled
 */
export async function ensureStandin(): Promise<string> {
  return await ensureImage("iris-standin");
}

/** The image of the stand-in that is not IRIS; see {@link ensureStandin}. */
export async function ensureEchoStandin(): Promise<string> {
  return await ensureImage("echo-standin");
}

async function ensureImage(name: string): Promise<string> {
  const fixture = join(FIXTURES, name);
  const tag = `iris-ports/${name}:${await hashOf(fixture)}`;
  if (await hasImage(tag)) return tag;
  // Two builds of one tag would leave a nameless image behind.
  const release = await lockfile.lock(join(tmpdir(), tag.replace(/\W/g, "-")), {
    realpath: false,
    stale: 30_000,
    retries: { retries: 600, minTimeout: 50, maxTimeout: 200, factor: 1.5, randomize: true },
  });
  try {
    if (!(await hasImage(tag))) await build(fixture, tag);
  } finally {
    await release();
  }
  return tag;
}

async function build(fixture: string, tag: string): Promise<void> {
  const stage = await mkdtemp(join(tmpdir(), "iris-ports-standin-"));
  try {
    await cp(join(fixture, "rootfs"), join(stage, "rootfs"), { recursive: true });
    await makeRunnable(join(stage, "rootfs"));
    const config = (await readFile(join(fixture, "image.conf"), "utf8")).trim().split("\n");
    await ((await isStatic(STATIC_BUSYBOX)) ? importImage(stage, config, tag) : buildImage(stage, config, tag));
  } finally {
    await rm(stage, { recursive: true });
  }
}

/** Debian's static busybox is the only program in the image, so nothing is downloaded. */
async function importImage(stage: string, config: readonly string[], tag: string): Promise<void> {
  const root = join(stage, "rootfs");
  for (const directory of ["bin", "etc", "tmp", "var/lib"]) await mkdir(join(root, directory), { recursive: true });
  await chmod(join(root, "tmp"), 0o1777);
  await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n");
  await cp(STATIC_BUSYBOX, join(root, "bin/busybox"));
  for (const applet of (await mustRun(STATIC_BUSYBOX, ["--list"])).split("\n").filter(Boolean)) {
    if (applet !== "busybox") await symlink("busybox", join(root, "bin", applet));
  }
  const archive = join(stage, "rootfs.tar");
  await mustRun("tar", ["--owner=0", "--group=0", "--numeric-owner", "-C", root, "-cf", archive, "."]);
  await mustRun("docker", ["import", ...config.flatMap((line) => ["--change", line]), archive, tag]);
}

async function buildImage(stage: string, config: readonly string[], tag: string): Promise<void> {
  await writeFile(join(stage, "Dockerfile"), ["FROM busybox", "COPY rootfs /", ...config, ""].join("\n"));
  await mustRun("docker", ["build", "--quiet", "--tag", tag, stage]);
}

async function hasImage(tag: string): Promise<boolean> {
  return (await runCommand("docker", ["image", "inspect", tag])).exitCode === 0;
}

async function mustRun(command: string, args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runCommand(command, args);
  if (exitCode === 0) return stdout;
  throw new ContainerEngineError({
    what: `The stand-in's image could not be built: ${command} ${args[0]} ended with exit code ${exitCode}.`,
    state: stderr.trim(),
    remedy: 'on Debian or Ubuntu "apt-get install busybox-static", elsewhere "docker pull busybox"; then try again',
  });
}

/** A checkout on Windows, or from an archive, may have lost the files' modes. */
async function makeRunnable(root: string): Promise<void> {
  for (const path of await filesOf(root)) await chmod(path, 0o755);
}

async function hashOf(directory: string): Promise<string> {
  const hash = createHash("sha256");
  for (const path of [...(await filesOf(join(directory, "rootfs"))), join(directory, "image.conf")]) {
    hash.update(path.slice(directory.length)).update(await readFile(path));
  }
  return hash.digest("hex").slice(0, 8);
}

async function filesOf(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** A dynamically linked program names its loader near the beginning of the file. */
async function isStatic(path: string): Promise<boolean> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    return bytesRead > 0 && !buffer.includes("/ld-");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

if (import.meta.main) {
  try {
    process.stdout.write(`${await ensureStandin()}\n${await ensureEchoStandin()}\n`);
  } catch (error) {
    if (!(error instanceof ContainerEngineError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
