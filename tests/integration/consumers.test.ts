import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { ConsumerProject } from "../helpers/consumer-project.ts";
import { type ConsumerTools, consumerTools } from "../helpers/consumer-tools.ts";
import { ContainerBench } from "../helpers/container-bench.ts";

/** What `npm install iris-ports testcontainers` puts into a project. */
const INSTALLED = [...Object.keys(packageJson.dependencies), "testcontainers", "@types/node"];

let tools: ConsumerTools;
beforeAll(async () => {
  tools = await consumerTools();
}, 600_000);

/** The environment that check.cjs reads, and a PATH on which `node` is the one that runs this test. */
function environment(bench: ContainerBench): Record<string, string> {
  const PATH = [dirname(process.execPath), process.env["PATH"]].join(":");
  return { PATH, IMAGE: bench.image, REGISTRY: bench.registryPath, RANGE: bench.range.join("-") };
}

describe("the package starts and uses IRIS, as one instance of its modules, in", () => {
  test.each([
    ["Jest as it comes", "jest", ["jest"]],
    ["Jest with ts-jest", "ts-jest", ["jest"]],
    ["Jest with Babel", "babel-jest", ["jest"]],
    ["vitest's threads", "vitest", ["vitest", "run", "--pool", "threads"]],
    ["vitest's forks", "vitest", ["vitest", "run", "--pool", "forks"]],
    ["vitest's vmThreads", "vitest", ["vitest", "run", "--pool", "vmThreads"]],
    ["Mocha", "mocha", ["mocha", "iris.cjs"]],
    ["node:test", "node-test", [process.execPath, "--test"]],
    ["Bun", "bun", ["bun", "test"]],
    ["Deno", "deno", ["deno", "run", "--allow-all", "--node-modules-dir=manual", "iris.mjs"]],
  ] as const)("%s", { timeout: 180_000 }, async (_, name, [command, ...args]) => {
    const bench = await ContainerBench.create();
    const project = ConsumerProject.of(name, INSTALLED, tools);
    const file = command === process.execPath ? command : join(tools.bin, command);
    expect(await project.runTool(file, args, environment(bench))).toContain(`consumer: port ${bench.range[0]}`);
    await bench.expectNothingLeft();
  });
});

describe("the types suit a project with", () => {
  test.each([
    ["nodenext", ["--module", "nodenext", "imports.mts", "requires.cts"]],
    ["node16", ["--module", "node16", "imports.mts", "requires.cts"]],
    // `npm init` makes a CommonJS project; vitest runs its TypeScript as ESM all the same.
    ["nodenext, and iris-ports/vitest in CommonJS", ["--module", "nodenext", "namespaces.ts"]],
    ["bundler", ["--module", "esnext", "--moduleResolution", "bundler", "bundled.ts"]],
    ["CommonJS and the resolution of old", ["--module", "commonjs", "--moduleResolution", "node10", "bundled.ts"]],
  ])("%s", { timeout: 120_000 }, async (_, args) => {
    const project = ConsumerProject.of("typescript", INSTALLED, tools);
    const options = [
      "--noEmit",
      "--strict",
      "--target",
      "es2022",
      "--skipLibCheck",
      "--esModuleInterop",
      "--types",
      "node",
    ];
    await project.runTool(join(tools.bin, "tsc"), [...options, "--lib", "es2023,esnext.disposable,dom", ...args]);
  });
});
