import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { irisImage } from "../helpers/container-bench.ts";
import { docker, eventually } from "../helpers/engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { Program } from "../helpers/processes.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("`npm run demo` shows what it claims, and leaves nothing", { timeout: 300_000 }, async () => {
  const demo = await startDemo();
  const output = (await demo.program.output()).join("\n");
  expect(output).toContain("All 13 claims hold.");
  expect(output).not.toContain("✘");
  expect(await demo.containers()).toEqual([]);
});

test("Ctrl-C in the middle of the demo leaves nothing either", { timeout: 300_000 }, async () => {
  const demo = await startDemo();
  await eventually(async () => ((await demo.containers()).length > 0 ? true : undefined), 240_000);
  demo.program.signal("SIGINT");
  expect(await demo.program.ended()).toMatchObject({ code: 130 });
  expect(await demo.containers()).toEqual([]);
});

test("the example works with the package as it is built", { timeout: 300_000 }, async () => {
  const [first, last] = await freePorts(2);
  const env = {
    IRIS_IMAGE: await irisImage(),
    IRIS_PORT_RANGE: `${first}-${last}`,
    IRIS_PORT_REGISTRY: `${temporaryDirectory()}/port-registry.json`,
  };
  const vitest = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));
  const args = [vitest, "run", "--root", `${root}/examples/vitest`];
  const example = new Program(process.execPath, args, { cwd: root, env });
  expect((await example.output()).join("\n")).toMatch(/1 passed/);
});

/** With ports of its own; its containers are known by them. */
async function startDemo() {
  const [first, last] = await freePorts(4);
  const env = { IRIS_IMAGE: process.env.IRIS_IMAGE ?? "", IRIS_PORT_RANGE: `${first}-${last}` };
  const program = new Program(process.execPath, [`${root}/scripts/demo.ts`], { env });
  const containers = async () => {
    const names = await docker("ps", "--all", "--filter", `publish=${first}-${last}`, "--format", "{{.Names}}");
    return names.split("\n").filter(Boolean);
  };
  return { program, containers };
}
