import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { type CommandResult, runCommand } from "../../scripts/run-command.ts";
import { CONSUMERS, type ConsumerTools } from "./consumer-tools.ts";
import { temporaryDirectory } from "./registry.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TSC = join(ROOT, "node_modules", "typescript", "bin", "tsc");

/** A file of the tarball, as `npm pack --json` tells. */
type PackedFile = { readonly path: string; readonly size: number; readonly mode: number };

/** What `npm pack` made. */
export type PackedPackage = {
  readonly tarball: string;
  /** In bytes. */
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly PackedFile[];
};

let packed: PackedPackage | undefined;
const directories: string[] = [];

// Not when the process exits: vitest may kill it.
afterAll(() => {
  for (const directory of directories) fs.rmSync(directory, { recursive: true, force: true });
});

/** Packs what the global setup has built, once in a test file. */
export function packedPackage(): PackedPackage {
  packed ??= pack();
  return packed;
}

function pack(): PackedPackage {
  const directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "iris-ports-pack-")));
  directories.push(directory);
  const args = ["pack", "--json", "--ignore-scripts", "--offline", "--pack-destination", directory];
  const output = execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  const [report] = JSON.parse(output) as [Omit<PackedPackage, "tarball"> & { readonly filename: string }];
  return { ...report, tarball: join(directory, report.filename) };
}

/** A user's project with the tarball installed as by npm: unpacked, its dependencies beside it, its bin linked. */
export class ConsumerProject {
  readonly directory = temporaryDirectory();

  /**
   * @param type of the project's own package.json
   * @param dependencies linked from this repository, so that no network is needed
   */
  constructor(type: "module" | "commonjs", dependencies: readonly string[]) {
    this.write("package.json", JSON.stringify({ name: "consumer", private: true, type }));
    const target = join(this.directory, "node_modules", "iris-ports");
    fs.mkdirSync(target, { recursive: true });
    execFileSync("tar", ["-xzf", packedPackage().tarball, "-C", target, "--strip-components=1"]);
    for (const name of dependencies) this.link(name, join(ROOT, "node_modules", name));
    const { bin } = JSON.parse(fs.readFileSync(join(target, "package.json"), "utf8"));
    for (const [name, path] of Object.entries<string>(bin)) this.link(join(".bin", name), join(target, path));
  }

  /** A project of tests/consumers, with the tools that it needs. */
  static of(name: string, dependencies: readonly string[], tools: ConsumerTools): ConsumerProject {
    const project = new ConsumerProject("commonjs", dependencies);
    for (const [tool, target] of tools.packages) project.link(tool, target);
    fs.copyFileSync(join(CONSUMERS, "check.cjs"), join(project.directory, "check.cjs"));
    fs.cpSync(join(CONSUMERS, name), project.directory, { recursive: true });
    return project;
  }

  write(name: string, text: string): void {
    fs.writeFileSync(join(this.directory, name), text);
  }

  /** Compiles the project's TypeScript to out/, strictly and with the declarations of all packages; what tsc says. */
  async compile(): Promise<string> {
    const options = {
      target: "es2023",
      lib: ["es2023", "esnext.disposable", "dom"],
      module: "nodenext",
      strict: true,
      declaration: true,
      exactOptionalPropertyTypes: true,
      types: ["node"],
      skipLibCheck: false,
      rootDir: ".",
      outDir: "out",
    };
    this.write("tsconfig.json", JSON.stringify({ compilerOptions: options, include: ["*.ts"] }));
    const { exitCode, stdout, stderr } = await runCommand(process.execPath, [TSC, "--project", this.directory]);
    return exitCode === 0 ? "" : stdout + stderr;
  }

  /** Runs a file of the project; its stdout. */
  async run(file: string, env: Record<string, string> = {}): Promise<string> {
    return (await this.#mustRun(process.execPath, [join(this.directory, file)], env)).stdout;
  }

  /** Runs a command of node_modules/.bin, as npx does; its stdout. */
  async npx(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const PATH = [dirname(process.execPath), process.env["PATH"]].join(":");
    return (await this.#mustRun(join(this.directory, "node_modules", ".bin", command), args, { PATH, ...env })).stdout;
  }

  /** Runs a command in the project; its stdout and stderr. */
  async runTool(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const { stdout, stderr } = await this.#mustRun(command, args, env);
    return stdout + stderr;
  }

  async #mustRun(command: string, args: readonly string[], env: Record<string, string>): Promise<CommandResult> {
    const result = await runCommand(command, args, { env, cwd: this.directory });
    const { exitCode, stdout, stderr } = result;
    if (exitCode !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${exitCode}: ${stdout}${stderr}`);
    return result;
  }

  /** Puts a package beside the others. */
  link(name: string, target: string): void {
    const path = join(this.directory, "node_modules", name);
    fs.mkdirSync(dirname(path), { recursive: true });
    fs.symlinkSync(target, path);
  }
}
