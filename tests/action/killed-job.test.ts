import { connect } from "node:net";
import { expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { docker } from "../helpers/engine.ts";
import { FakeHost } from "../helpers/fake-runner.ts";

function isAnswered(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

test("A4: a job that reserves only a port does not get the IRIS of a killed job in the same workspace on it", async () => {
  const host = await FakeHost.create();
  const killed = host.job({ runner: "one" });
  const before = await killed.main({ inputs: { image: await ensureStandin() } });
  const name = before.outputs["container-name"] as string;
  await killed.killWorker();
  expect(await isAnswered(Number(before.outputs.port))).toBe(true);

  const main = await host.job({ runner: "one" }).main();
  expect(main).toMatchObject({ code: 0, outputs: { port: before.outputs.port } });
  expect(main.stdout).toContain(`Removed container ${name}: `);
  expect(await isAnswered(Number(main.outputs.port))).toBe(false);
  await expect(docker("inspect", name)).rejects.toThrow(/no such/i);
});
