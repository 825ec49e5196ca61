import { join } from "node:path";
import { describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { ConsumerProject, packedPackage } from "../helpers/consumer-project.ts";
import { ContainerBench } from "../helpers/container-bench.ts";
import { MarkdownPage } from "../helpers/markdown.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

/** What `npm install iris-ports testcontainers` puts beside it, and what a TypeScript project has anyway. */
const INSTALLED = [...Object.keys(packageJson.dependencies), "testcontainers", "@types/node"];

/** In bytes; the README promises it. */
const LARGEST_TARBALL = 550_000;

/** Starts an IRIS, says where and what it is, and stops it. */
const START = `
import { IrisRegistryContainer, PortRegistry, PortConflictError, type PortAssignment } from "iris-ports";
import { PortRegistry as SamePortRegistry } from "iris-ports/ports";

async function main(): Promise<void> {
  const { IMAGE, REGISTRY, RANGE, PROJECT } = process.env as Record<string, string>;
  const withDefaults: IrisRegistryContainer = new IrisRegistryContainer();
  withDefaults.withNamespace("SHOP");
  const container = IMAGE === undefined ? withDefaults : new IrisRegistryContainer(IMAGE);
  await using iris = await container.withRegistry(REGISTRY!).withPortRange(RANGE!).withProject(PROJECT!).start();
  const assignment: PortAssignment | undefined = iris.getAssignment();
  const seen = await new PortRegistry({ registryPath: REGISTRY! }).getAssignment(PROJECT);
  const options: { host: string; port: number; ns: string } = iris.getConnectionOptions();
  console.log(JSON.stringify({
    port: iris.getPort(), assigned: assignment?.port, seen: seen?.port, uri: iris.getConnectionUri(), ns: options.ns,
    isSameClass: PortRegistry === SamePortRegistry, code: PortConflictError.name,
  }));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
`;

/** A library on top of iris-ports whose declarations name, through inference, what the methods of iris-ports return. */
const LIBRARY = `
import { jobHolder, manualHolder, PortRegistry } from "iris-ports";
import { test as base } from "iris-ports/vitest";

export const registry = new PortRegistry();
export const rebuild = () => registry.rebuild();
export const repaired = async () => {
  const { cleared, skipped, unreadable } = await registry.rebuild();
  return { cleared, skipped, unreadable };
};
export const beginLeave = () => registry.beginLeave(undefined, { holder: manualHolder() });
export const acquire = () => registry.acquire();
export const list = () => registry.listAll();
export const directory = manualHolder().directory;
export const container = jobHolder({ id: "1" }).container;
export const clean = (...options: Parameters<PortRegistry["cleanupStale"]>) => registry.cleanupStale(...options);
export const test = base.extend<{ two: number }>({ two: 2 });
`;

describe("the package, installed into a TypeScript project", () => {
  test("of a library, lets it export what the methods return", async () => {
    const project = new ConsumerProject("module", [...INSTALLED, "vitest"]);
    project.write("library.ts", LIBRARY);
    expect(await project.compile()).toBe("");
  });

  test.each([
    ["of ES modules", "module"],
    ["of CommonJS modules, through require()", "commonjs"],
  ] as const)("%s, type-checks and starts a container", async (_, type) => {
    const bench = await ContainerBench.create();
    const project = new ConsumerProject(type, INSTALLED);
    project.write("start.ts", START);
    expect(await project.compile()).toBe("");
    const output = await project.run("out/start.js", {
      IMAGE: bench.image,
      REGISTRY: bench.registryPath,
      RANGE: bench.range.join("-"),
      PROJECT: bench.project(),
    });
    const [port] = bench.range;
    expect(JSON.parse(output)).toEqual({
      ...{ port, assigned: port, seen: port, ns: "USER" },
      uri: `iris://_SYSTEM:SYS@127.0.0.1:${port}/USER`,
      ...{ isSameClass: true, code: "PortConflictError" },
    });
    await bench.expectNothingLeft();
  });

  test("can be used in CommonJS without TypeScript", async () => {
    const project = new ConsumerProject("commonjs", INSTALLED);
    project.write("use.js", 'console.log(typeof require("iris-ports").IrisRegistryContainer)');
    expect(await project.run("use.js")).toBe("function\n");
  });
});

describe("iris-ports/ports", () => {
  test("is loaded without Testcontainers and dockerode, which need not be installed", async () => {
    const project = new ConsumerProject("module", ["commander", "debug", "proper-lockfile"]);
    project.write(
      "use.js",
      `import { PortRegistry } from "iris-ports/ports";
       const registry = new PortRegistry({ registryPath: process.env.REGISTRY, portRange: "20000-29999", engine: false });
       console.log((await registry.assignPort()).assignmentType);`,
    );
    const registryPath = join(temporaryDirectory(), "port-registry.json");
    expect(await project.run("use.js", { REGISTRY: registryPath })).toBe("auto\n");
  });
});

describe("the command of the package", () => {
  test("runs from node_modules/.bin, without Testcontainers", async () => {
    const project = new ConsumerProject("commonjs", Object.keys(packageJson.dependencies));
    const registry = ["--registry", join(temporaryDirectory(), "port-registry.json")];
    expect(await project.npx("iris-ports", ["--version"])).toBe(`${packageJson.version}\n`);
    expect(await project.npx("iris-ports", ["list", ...registry])).toMatch(/^No assignments in /);
    const inRange = [...registry, "--range", "20000-29999"];
    const port = await project.npx("iris-ports", ["assign", project.directory, "--quiet", ...inRange]);
    expect(await project.npx("iris-ports", ["list", ...registry])).toContain(`  ${port.trim()}  `);
  });
});

describe("the tarball", () => {
  test("contains the library with its types, the manual and the licence, and nothing else", () => {
    const paths = packedPackage().files.map(({ path }) => path);
    const others = paths.filter((path) => !/^dist\/lib\/(?!.*\.test\.).*(?<!\.map)\.(m?js|d\.m?ts)$/.test(path));
    expect(others.sort()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "dist/lib/cli/licenses.txt",
      "dist/lib/package.json",
      "dist/lib/vitest/package.json",
      "package.json",
    ]);
    expect(paths).toContain("dist/lib/index.d.ts");
  });

  test("refers to no source maps, because it contains none", async () => {
    const project = new ConsumerProject("module", []);
    project.write(
      "find.js",
      `import { globSync, readFileSync } from "node:fs";
       const installed = new URL("node_modules/iris-ports/", import.meta.url);
       const files = globSync("dist/lib/**/*.{js,ts}", { cwd: installed });
       const hits = files.filter((file) => /sourceMappingURL/.test(readFileSync(new URL(file, installed), "utf8")));
       console.log(files.length > 100, hits.length);`,
    );
    expect(await project.run("find.js")).toBe("true 0\n");
  });

  test("runs nothing when it is installed", () => {
    const scripts = Object.keys(packageJson.scripts);
    expect(scripts.filter((name) => /^(pre|post)?(install|uninstall)$|^(pre|post)?prepare$/.test(name))).toEqual([]);
  });

  test(`is smaller than ${LARGEST_TARBALL / 1_000} kB, as the README says`, () => {
    const { size, unpackedSize, files } = packedPackage();
    console.log(`package: ${size} bytes packed, ${unpackedSize} unpacked, ${files.length} files`);
    expect(size).toBeLessThan(LARGEST_TARBALL);
    expect(new MarkdownPage("README.md").section("Install")).toContain(`less than ${LARGEST_TARBALL / 1_000} kB`);
  });
});
