/**
 * Compiles src/ to dist/lib/. `--if-stale`: only when something in src/ is newer than the last build; `--no-check`:
 * without checking types, which `npm run check` does. The modules are CommonJS; those for `import` only pass on what
 * they export. docs/decisions/commonjs-and-esm.md says why. The command line becomes one file;
 * docs/decisions/one-file-command-line.md says why. The new build replaces the old one in one step, so that running
 * tests never see an incomplete build.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(import.meta.dirname, "..");
const target = join(root, "dist", "lib");
const scratch = join(root, "build", `lib-${process.pid}`);

const ncc = fileURLToPath(import.meta.resolve("@vercel/ncc/dist/ncc/cli.js"));

/** The entries that both `import` and `require()` find. */
const ENTRIES = ["index", "ports"];

if (!process.argv.includes("--if-stale") || isStale()) build();

function build(): void {
  try {
    const source = stage("src", inCommonJs);
    const output = join(scratch, "new");
    const forVitest = join(scratch, "vitest");
    fs.renameSync(join(source, "vitest"), forVitest);
    compile(source, output, { module: "commonjs", moduleResolution: "bundler", verbatimModuleSyntax: false });
    fs.writeFileSync(join(output, "package.json"), '{ "type": "commonjs" }\n');
    for (const entry of ENTRIES) writeImportEntry(output, entry);
    // An ES module, as vitest is.
    compile(forVitest, join(output, "vitest"), { paths: { "iris-ports": [join(output, "index.d.mts")] } });
    fs.writeFileSync(join(output, "vitest", "package.json"), '{ "type": "module" }\n');
    bundleCommandLine(join(output, "cli"));
    fs.mkdirSync(join(root, "dist"), { recursive: true });
    if (fs.existsSync(target)) fs.renameSync(target, join(scratch, "old"));
    fs.renameSync(output, target);
  } catch (error) {
    // tsc has printed the errors; a stack trace of this script would only hide them.
    if ((error as { status?: unknown }).status === undefined) throw error;
    process.exitCode = 1;
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

function inCommonJs(text: string): string {
  // The package's name does not lead to its package.json here, because the modules have a package.json beside them.
  return text
    .replaceAll("import.meta.url", "__filename")
    .replaceAll('"iris-ports/package.json"', '"../../../package.json"');
}

/** Copies a folder and changes its texts, for parts that differ in CommonJS. */
function stage(folder: string, change: (text: string) => string): string {
  const copy = join(scratch, folder);
  for (const path of fs.globSync(`${folder}/**/*.ts`, { cwd: root })) {
    const to = join(scratch, path);
    fs.mkdirSync(join(to, ".."), { recursive: true });
    fs.writeFileSync(to, change(fs.readFileSync(join(root, path), "utf8")));
  }
  return copy;
}

function compile(source: string, outDir: string, options: Readonly<Record<string, unknown>>): void {
  const config = `${source}.json`;
  const compilerOptions = { noEmit: false, declaration: true, rootDir: source, outDir, paths: {}, ...options };
  fs.writeFileSync(
    config,
    JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: [source] }),
  );
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const noCheck = process.argv.includes("--no-check") ? ["--noCheck"] : [];
  run(tsc, ["--project", config, ...noCheck]);
}

function run(script: string, args: readonly string[]): void {
  execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" });
}

/** Bundles the command line with its dependencies. Optional ones stay outside: they may not be installed. */
function bundleCommandLine(folder: string): void {
  lightenDockerode();
  const { peerDependencies } = JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8"));
  const externals = Object.keys(peerDependencies).flatMap((name) => ["--external", name]);
  const bundle = join(scratch, "cli");
  const options = ["--minify", "--no-cache", "--quiet", "--license", "licenses.txt", "--out", bundle, ...externals];
  run(ncc, ["build", join(folder, "bin.js"), ...options]);
  fs.renameSync(join(bundle, "index.js"), join(bundle, "bin.js"));
  fs.chmodSync(join(bundle, "bin.js"), 0o755);
  fs.rmSync(folder, { recursive: true });
  fs.renameSync(bundle, folder);
}

/**
 * Copies dockerode and docker-modem without the parts that the command line does not use: the ssh client (it runs `ssh`),
 * build sessions and tar support. Loading these takes longer than everything else together.
 */
function lightenDockerode(): void {
  const packages = join(scratch, "node_modules");
  for (const name of ["dockerode", "docker-modem"])
    fs.cpSync(join(root, "node_modules", name), join(packages, name), { recursive: true, dereference: true });
  const unused = [
    "docker-modem/lib/ssh.js",
    "dockerode/lib/session.js",
    "dockerode/lib/buildkit.js",
    "tar-fs/index.js",
    "@balena/dockerignore/index.js",
  ];
  for (const path of unused) {
    fs.mkdirSync(join(packages, path, ".."), { recursive: true });
    fs.writeFileSync(
      join(packages, path),
      `module.exports = () => { throw new Error("iris-ports was built without ${path}: see docs/decisions/one-file-command-line.md"); };\n`,
    );
  }
}

/** Names every export, because not every runtime finds those of a CommonJS module by itself. */
function writeImportEntry(output: string, entry: string): void {
  // Required from the output directory, where its dependencies are found.
  const names = Object.keys(createRequire(import.meta.url)(join(output, `${entry}.js`))).sort();
  const lines = [
    `import entry from "./${entry}.js";`,
    "",
    `export const {`,
    ...names.map((name) => `  ${name},`),
    "} = entry;",
    "",
  ];
  fs.writeFileSync(join(output, `${entry}.mjs`), lines.join("\n"));
  fs.writeFileSync(join(output, `${entry}.d.mts`), `export * from "./${entry}.js";\n`);
}

function isStale(): boolean {
  const built = join(target, "cli", "bin.js");
  if (!fs.existsSync(built)) return true;
  const builtAt = fs.statSync(built).mtimeMs;
  const sources = [...fs.globSync("src/**/*.ts", { cwd: root }), "tsconfig.json", "scripts/build.ts"];
  return sources.some((path) => fs.statSync(join(root, path)).mtimeMs > builtAt);
}
