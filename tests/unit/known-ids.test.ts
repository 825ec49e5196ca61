import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { engineIdAt, incarnationOf } from "../../src/docker/known-ids.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

/** An engine at a socket of its own, as far as the disk shows it. */
function engineOnDisk({ hasPidFile = true } = {}) {
  const directory = temporaryDirectory();
  const socketPath = join(directory, "docker.sock");
  const start = () => {
    for (const name of hasPidFile ? ["docker.sock", "docker.pid"] : ["docker.sock"]) {
      // Kept under another name, so that the next file cannot have the same number.
      if (fs.existsSync(join(directory, name))) fs.renameSync(join(directory, name), join(directory, `former ${name}`));
      fs.writeFileSync(join(directory, name), "");
    }
  };
  start();
  return { address: { endpoint: `unix://${socketPath}`, isLocal: true, socketPath }, start };
}

describe("the ID of an engine", () => {
  test("is asked for once per process, until an engine starts anew at the address", async () => {
    const { address, start } = engineOnDisk();
    expect(await engineIdAt(address, async () => "first")).toBe("first");
    expect(await engineIdAt(address, async () => "not asked")).toBe("first");
    start();
    expect(await engineIdAt(address, async () => "second")).toBe("second");
    expect(await engineIdAt(address, async () => "not asked")).toBe("second");
  });

  test("is not asked for if it is known, for example from the registry's document", async () => {
    const { address, start } = engineOnDisk();
    const known = new Map([[incarnationOf(address) as string, "noted"]]);
    expect(await engineIdAt(address, async () => "not asked", known)).toBe("noted");
    start();
    expect(await engineIdAt(address, async () => "second", known)).toBe("second");
  });

  test("is not cached if the engine starts anew while it is asked, or fails to answer", async () => {
    const { address, start } = engineOnDisk();
    const restarted = async () => {
      start();
      return "first";
    };
    expect(await engineIdAt(address, restarted)).toBe("first");
    await expect(engineIdAt(address, () => Promise.reject(new Error("no answer")))).rejects.toThrow("no answer");
    expect(await engineIdAt(address, async () => "second")).toBe("second");
  });

  test("is asked for each time if starts cannot be observed: without a process file, and at a remote engine", async () => {
    const { address } = engineOnDisk({ hasPidFile: false });
    const remote = { endpoint: "tcp://build-host:2376", isLocal: false };
    for (const id of ["first", "second"]) {
      expect(await engineIdAt(address, async () => id)).toBe(id);
      expect(await engineIdAt(remote, async () => id)).toBe(id);
    }
  });
});
