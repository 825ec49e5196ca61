import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../scripts/run-command.ts";
import { FakeHost } from "../helpers/fake-runner.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BUNDLES = ["main", "post", "redis"];
/** Post only starts main's bundle and waits for it; no package is in it. */
const BUNDLES_WITH_PACKAGES = ["main", "redis"];
const LARGEST_BYTES = 900_000;
const TOOLS = ["typescript", "@typescript", "@vercel/ncc", "@types/node", "undici-types"];

function filesOf(directory: string): readonly string[] {
  return BUNDLES.flatMap((bundle) => globSync(`${bundle}/**/*`, { cwd: join(directory, "dist") })).sort();
}

/** The packages whose licences are collected in the bundles: all that is in them. */
function bundledPackages(): readonly string[] {
  const licences = BUNDLES_WITH_PACKAGES.map((bundle) =>
    readFileSync(join(ROOT, "dist", bundle, "licenses.txt"), "utf8"),
  ).join("\n\n");
  const names = licences.match(/^(@[a-z-]+\/)?[a-z][a-z0-9.-]*$/gm) ?? [];
  return [...new Set(names)].filter((name) => existsSync(join(ROOT, "node_modules", name)));
}

test("A9: a build in another directory gives the committed bytes", async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), "iris-ports-rebuilt-"));
  onTestFinished(() => rmSync(elsewhere, { recursive: true, force: true }));
  const copy = join(elsewhere, "some", "where", "else");
  mkdirSync(copy, { recursive: true });
  const packages = [...bundledPackages(), ...TOOLS].map((name) => join("node_modules", name));
  for (const path of ["action", "src", "scripts", "tsconfig.json", "package.json", ...packages]) {
    cpSync(join(ROOT, path), join(copy, path), { recursive: true, dereference: true });
  }
  const built = await runCommand(process.execPath, [join(copy, "scripts", "bundle.ts")]);
  expect(built).toMatchObject({ exitCode: 0 });
  expect(filesOf(copy)).toEqual(filesOf(ROOT));
  const changed = filesOf(copy).filter((path) => {
    const [fresh, committed] = [copy, ROOT].map((directory) => join(directory, "dist", path)) as [string, string];
    return statSync(fresh).isFile() && !readFileSync(fresh).equals(readFileSync(committed));
  });
  expect(changed, "run `npm run bundle` and commit dist/").toEqual([]);
}, 180_000);

test("A9: the bundles are small, contain no programs, and name the licences of their packages", () => {
  expect(filesOf(ROOT)).toEqual(
    [
      ...BUNDLES.flatMap((name) => [`${name}/index.js`, `${name}/package.json`]),
      ...BUNDLES_WITH_PACKAGES.map((name) => `${name}/licenses.txt`),
      // An optional package that the Redis client asks for, and that is not there.
      "redis/276.index.js",
    ].sort(),
  );
  expect(bundledPackages()).toEqual(
    expect.arrayContaining(["@actions/core", "@actions/exec", "@redis/client", "proper-lockfile"]),
  );
  for (const bundle of BUNDLES) {
    const text = readFileSync(join(ROOT, "dist", bundle, "index.js"), "utf8");
    expect(Buffer.byteLength(text)).toBeLessThan(LARGEST_BYTES);
    expect(text).not.toMatch(/docker-modem|pagent\.exe|\.proto"|testcontainers\/ryuk/);
    // ncc joins modules, which then load in less time, unless one of them has a top-level await.
    expect(text).not.toContain("__nccwpck_require__.a=");
  }
});

test("the engine is named as in the library, so that evidence of one counts for the other", async () => {
  const { DockerodeEngine } = await import("../../src/docker/dockerode-engine.ts");
  const host = await FakeHost.create();
  const job = host.job();
  await job.main();
  expect(host.document.iris_ports.details[job.workspace].engine).toBe(await new DockerodeEngine().identify());
});
