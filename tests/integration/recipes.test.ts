import fs from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { ConsumerProject } from "../helpers/consumer-project.ts";
import { consumerTools } from "../helpers/consumer-tools.ts";
import { ContainerBench } from "../helpers/container-bench.ts";

const INSTALLED = [...Object.keys(packageJson.dependencies), "testcontainers"];

test.each([
  ["vitest", "vitest", ["run"], /1 passed/],
  ["jest", "jest", [], /2 passed, 2 total/],
  ["playwright", "playwright", ["test"], /2 passed/],
  ["node-test", "node", ["--test"], /pass 2/],
] as const)("the recipe in examples/%s runs", { timeout: 600_000 }, async (name, command, args, result) => {
  const tools = await consumerTools();
  const bench = await ContainerBench.create();
  const project = new ConsumerProject("commonjs", INSTALLED);
  for (const [tool, target] of tools.packages) project.link(tool, target);
  // Jest's own dependencies lie beside it.
  const environment = join(tools.bin, "..", "jest-environment-node");
  project.link("jest-environment-node", environment);
  fs.cpSync(join(import.meta.dirname, "../../examples", name), project.directory, { recursive: true });
  const output = await project.runTool(command === "node" ? process.execPath : join(tools.bin, command), args, {
    PATH: [dirname(process.execPath), process.env["PATH"]].join(":"),
    ...{ IRIS_IMAGE: bench.image, IRIS_PORT_REGISTRY: bench.registryPath, IRIS_PORT_RANGE: bench.range.join("-") },
    // The recipe is no part of this run of vitest.
    ...{ VITEST: "", VITEST_POOL_ID: "", VITEST_WORKER_ID: "", NODE_ENV: "test", FORCE_COLOR: "0" },
  });
  expect(output).toMatch(result);
  await bench.expectNothingLeft();
});
