import fs from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { ConsumerProject } from "../helpers/consumer-project.ts";
import { type ConsumerTools, consumerTools } from "../helpers/consumer-tools.ts";
import { ContainerBench } from "../helpers/container-bench.ts";

const INSTALLED = [...Object.keys(packageJson.dependencies), "testcontainers", "@types/node"];

let tools: ConsumerTools;
beforeAll(async () => {
  tools = await consumerTools();
}, 600_000);

function environment(bench: ContainerBench): Record<string, string> {
  return {
    PATH: [dirname(process.execPath), process.env["PATH"]].join(":"),
    ...{ IRIS_IMAGE: bench.image, IRIS_PORT_REGISTRY: bench.registryPath, IRIS_PORT_RANGE: bench.range.join("-") },
    ...{ VITEST_POOL_ID: "", VITEST_WORKER_ID: "", VITEST: "" },
  };
}

function project(): ConsumerProject {
  const consumer = ConsumerProject.of("vitest", INSTALLED, tools);
  fs.rmSync(join(consumer.directory, "iris.test.js"));
  return consumer;
}

const config = (namespacePer: string) => `
import { defineConfig } from "vitest/config";
export default defineConfig({ test: {
  globalSetup: "iris-ports/vitest/setup", testTimeout: 60_000, maxWorkers: 1,
  provide: { irisOptions: { image: process.env.IRIS_IMAGE, namespacePer: ${JSON.stringify(namespacePer)} } },
} });`;

const file = (name: string) => `
import { test } from "iris-ports/vitest";
for (const name of ["${name}1", "${name}2"]) test(name, async ({ iris }) => {
  const seen = await iris.runObjectScript('set ^Seen=$get(^Seen)_"${name} " write ^Seen');
  console.log("seen: " + iris.getNamespace() + ": " + seen);
});`;

describe("iris-ports/vitest", () => {
  test("gives two workers one IRIS, in which neither sees the other's data", { timeout: 180_000 }, async () => {
    const bench = await ContainerBench.create();
    const consumer = project();
    const example = join(import.meta.dirname, "../../examples/vitest-workers");
    fs.cpSync(example, consumer.directory, { recursive: true });
    const output = await consumer.runTool(join(tools.bin, "vitest"), ["run"], environment(bench));
    expect(output).toMatch(/2 passed/);
    await bench.expectNothingLeft();
  });

  test.each([
    ["worker", 1, ["a ", "a a ", "a a b ", "a a b b "]],
    ["file", 2, ["a ", "a a ", "b ", "b b "]],
    ["test", 4, ["a ", "a ", "b ", "b "]],
  ] as const)("gives every %s a namespace of its own, and drops it", { timeout: 180_000 }, async (per, count, seen) => {
    const bench = await ContainerBench.create();
    // Another user of the container, so that it outlives the run.
    const consumer = project();
    await using iris = await bench.iris(consumer.directory).start();
    consumer.write("vitest.config.js", config(per));
    consumer.write("a.test.js", file("a"));
    consumer.write("b.test.js", file("b"));
    const run = ["run", "--sequence.shuffle.files", "false", "--reporter", "verbose"];
    const output = await consumer.runTool(join(tools.bin, "vitest"), run, environment(bench));
    const lines = [...output.matchAll(/seen: (\w+): (.*)/g)].map(([, namespace = "", text = ""]) => ({
      namespace,
      text,
    }));
    expect(lines.map(({ text }) => text).sort()).toEqual([...seen].sort());
    expect(new Set(lines.map(({ namespace }) => namespace)).size).toBe(count);
    for (const { namespace } of lines)
      await expect(iris.runObjectScript("write 1", { namespace })).rejects.toThrow(/does not exist/);
  });

  test("names the container in errors by its name", { timeout: 180_000 }, async () => {
    const bench = await ContainerBench.create();
    const consumer = project();
    consumer.write("vitest.config.js", config("file"));
    const script = 'console.log(await iris.runObjectScript("write nothing").catch((error) => error.message));';
    consumer.write(
      "a.test.js",
      `import { test } from "iris-ports/vitest";\ntest("a", async ({ iris }) => { ${script} });`,
    );
    const output = await consumer.runTool(join(tools.bin, "vitest"), ["run"], environment(bench));
    expect(output).toMatch(/To fix: .*docker exec -it iris_[0-9a-f]{8}_\d+ /);
  });

  test("refuses another namespacePer before it starts IRIS", { timeout: 60_000 }, async () => {
    const bench = await ContainerBench.create();
    const consumer = project();
    consumer.write("vitest.config.js", config("suite"));
    consumer.write("a.test.js", file("a"));
    await expect(consumer.runTool(join(tools.bin, "vitest"), ["run"], environment(bench))).rejects.toThrow(
      /irisOptions\.namespacePer is not known: "suite"[\s\S]*To fix: write one of worker, file, test/,
    );
    await bench.expectNothingLeft();
  });

  test("says what is missing if there is no global setup", { timeout: 60_000 }, async () => {
    const bench = await ContainerBench.create();
    const consumer = project();
    consumer.write("a.test.js", file("a"));
    await expect(consumer.runTool(join(tools.bin, "vitest"), ["run"], environment(bench))).rejects.toThrow(
      /set test\.globalSetup to "iris-ports\/vitest\/setup"/,
    );
  });
});
