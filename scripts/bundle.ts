/**
 * Bundles the action into dist/main/, dist/post/ and dist/redis/, which are committed: GitHub runs them as they are. Post
 * only starts main's bundle, which has its work. The same sources and packages give the same bytes in every directory.
 * `--out <directory>`: there instead of dist/.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(import.meta.dirname, "..");
const { values } = parseArgs({ options: { out: { type: "string", default: join(root, "dist") } } });
const target = resolve(values.out);
// Inside the repository, so that ncc finds the packages; without the pid, so that two builds have the same names.
const scratch = join(root, "build", "action");

const ENTRIES = ["main", "post"];
/** Compiled programs, and files that load them, must not get into the bundle. */
const UNWANTED = /\.(node|exe|dll|so|dylib|proto|map)$/;

try {
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(join(scratch, "js"), { recursive: true });
  compile();
  leaveOutDockerode();
  partRedisClient();
  lightenCore();
  for (const entry of [...ENTRIES, "redis"]) bundle(entry);
} catch (error) {
  // The program that failed has printed the error; a stack trace of this script would only hide it.
  if ((error as { status?: unknown }).status === undefined) throw error;
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function compile(): void {
  const config = {
    extends: relative(scratch, join(root, "tsconfig.json")),
    compilerOptions: { noEmit: false, noCheck: true, removeComments: true, rootDir: root, outDir: "js" },
    files: ENTRIES.map((entry) => relative(scratch, join(root, "action", `${entry}.ts`))),
    include: [],
  };
  writeFileSync(join(scratch, "tsconfig.json"), JSON.stringify(config));
  run(join(root, "node_modules", "typescript", "bin", "tsc"), ["--project", join(scratch, "tsconfig.json")]);
}

/**
 * With dockerode inside, the ESM bundle crashes when it is loaded. The action asks the engine through the docker command,
 * so the one module that loads dockerode is replaced.
 */
function leaveOutDockerode(): void {
  const refuse = "throw new Error('This bundle asks the engine through the docker command.')";
  const module = `export async function connectDockerode() { ${refuse}; }\n`;
  writeFileSync(join(scratch, "js", "src", "docker", "dockerode-connection.js"), module);
}

/** The Redis client has its own bundle, because few jobs keep their registry on a Redis server. */
function partRedisClient(): void {
  const load = "import(/* webpackIgnore: true */ '../redis/index.js')";
  const module = `export function importClient() { return ${load}; }\n`;
  writeFileSync(join(scratch, "js", "src", "stores", "redis", "import-client.js"), module);
  writeFileSync(join(scratch, "js", "action", "redis.js"), 'export { createClient } from "@redis/client";\n');
}

/**
 * @actions/core contains an HTTP client for GitHub's token service, which would be two thirds of the bundle and of its
 * load time. The action asks for no token, so the bundle leaves the client out.
 */
function lightenCore(): void {
  const core = join(scratch, "node_modules", "@actions", "core");
  cpSync(join(root, "node_modules", "@actions", "core"), core, { recursive: true, dereference: true });
  const refuse = "throw new Error('This bundle asks for no tokens.')";
  writeFileSync(join(core, "lib", "oidc-utils.js"), `export class OidcClient { static getIDToken() { ${refuse}; } }\n`);
}

function bundle(entry: string): void {
  const output = join(scratch, entry);
  const input = join(scratch, "js", "action", `${entry}.js`);
  const options = ["--minify", "--no-cache", "--quiet", "--license", "licenses.txt", "--out", output];
  run(fileURLToPath(import.meta.resolve("@vercel/ncc/dist/ncc/cli.js")), ["build", input, ...options]);
  if (entry === "redis") nameLicence(join(output, "licenses.txt"), "@redis/client");
  const unwanted = globSync("**/*", { cwd: output }).filter((path) => UNWANTED.test(path));
  if (unwanted.length > 0) throw new Error(`dist/${entry} must not contain ${unwanted.join(", ")}`);
  mkdirSync(target, { recursive: true });
  const former = join(scratch, `${entry}-former`);
  if (existsSync(join(target, entry))) renameSync(join(target, entry), former);
  renameSync(output, join(target, entry));
}

/** Names the licence of a package that is published without its text, which ncc would leave out. */
function nameLicence(path: string, name: string): void {
  const text = readFileSync(path, "utf8");
  const { license, homepage } = JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8"));
  if (!text.split("\n").includes(name))
    writeFileSync(path, `${text.trimEnd()}\n\n${name}\n${license}\nSee ${homepage}\n`);
}

function run(script: string, args: readonly string[]): void {
  execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" });
}
