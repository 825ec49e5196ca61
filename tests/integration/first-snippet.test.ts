import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { ConsumerProject } from "../helpers/consumer-project.ts";
import { consumerTools } from "../helpers/consumer-tools.ts";
import { ContainerBench } from "../helpers/container-bench.ts";
import { MarkdownPage } from "../helpers/markdown.ts";

/** What the README's `npm install` puts into an empty project. */
const INSTALLED = [...Object.keys(packageJson.dependencies), "testcontainers"];

test.each([
  ["ts", /^\/\/ (iris\.test\.ts): npx (vitest) (run)$/m],
  ["js", /^\/\/ (iris\.test\.mjs): (node) (--test)$/m],
] as const)(
  "the README's first test in %s runs as printed in an empty project",
  { timeout: 600_000 },
  async (language, head) => {
    const [first] = new MarkdownPage("README.md").code(language);
    const [, file = "", command = "", argument = ""] = head.exec(first?.code ?? "") ?? [];
    const tools = await consumerTools();
    const bench = await ContainerBench.create();
    // As `npm init -y` makes it.
    const project = new ConsumerProject("commonjs", INSTALLED);
    project.link("vitest", tools.packages.get("vitest") ?? "");
    project.write(file, first?.code ?? "");
    // It joins this one, as it asks for no image: the default image cannot be pulled everywhere.
    await using _iris = await bench.iris(project.directory).start();
    const env = {
      PATH: [dirname(process.execPath), process.env["PATH"]].join(":"),
      ...{ IRIS_PORT_REGISTRY: bench.registryPath, IRIS_PORT_RANGE: bench.range.join("-") },
      ...{ VITEST_POOL_ID: "", VITEST_WORKER_ID: "", VITEST: "" },
    };
    const executable = command === "node" ? process.execPath : join(tools.bin, command);
    expect(await project.runTool(executable, [argument], env)).toMatch(/1 passed|pass 1/);
  },
);
