import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { docker, eventually } from "../helpers/engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { Program } from "../helpers/processes.ts";

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
