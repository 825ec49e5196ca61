import { chmodSync } from "node:fs";
import type { ListenOptions } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { listenerName } from "../../src/registry/host/listening-ports.ts";
import { bindProbe } from "../../src/registry/host/port-probe.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { listenOn } from "../helpers/listener.ts";
import { Program } from "../helpers/processes.ts";
import { temporaryDirectory } from "../helpers/registry.ts";
import { CAN_BE_OTHERS, MALLORY } from "../helpers/users.ts";

const ON_LINUX: readonly [string, ListenOptions][] = [
  ["127.0.0.2", {}],
  ["::ffff:127.0.0.1", {}],
  ["127.0.0.1", { reusePort: true }],
];

describe("the bind probe", () => {
  test.each<[string, ListenOptions]>([
    ["0.0.0.0", {}],
    ["127.0.0.1", {}],
    ["::", {}],
    ["::1", {}],
    ["::", { ipv6Only: false }],
    ...(process.platform === "linux" ? ON_LINUX : []),
  ])("sees a listener on %s alone, with %j, and its end", async (host, options) => {
    const [port] = await freePorts(1);
    const { close } = await listenOn(port, host, options);
    expect(await bindProbe(port)).toBe(false);
    await close();
    expect(await bindProbe(port)).toBe(true);
  });
});

describe.skipIf(!CAN_BE_OTHERS)("a port that this user may not bind", () => {
  /** Two neighbours below 1024, free now. */
  async function lowPorts(): Promise<readonly [number, number]> {
    for (let port = 700; port < 1_000; port += 2)
      if ((await bindProbe(port)) && (await bindProbe(port + 1))) return [port, port + 1];
    throw new Error("no free ports below 1024");
  }

  test("is taken only if a program listens there", async () => {
    const [first, second] = await lowPorts();
    await listenOn(first, "127.0.0.1");
    const directory = temporaryDirectory();
    chmodSync(directory, 0o777);
    const args = ["--as", String(MALLORY.uid), join(directory, "registry.json"), `${first}-${second}`, directory];
    const [line = ""] = await Program.node("assigner.ts", args).output();
    expect(JSON.parse(line)).toMatchObject({ port: second });
  });
});

describe("the listener of a port", () => {
  test.each(["127.0.0.1", "::1"])("on %s is described by pid and name", async (host) => {
    const [port] = await freePorts(1);
    await listenOn(port, host);
    expect(listenerName(port)).toMatch(new RegExp(`^process ${process.pid} \\(.+\\)$`));
  });

  test("is a process of this host if none is found", async () => {
    const [port] = await freePorts(1);
    expect(listenerName(port)).toBe("a process of this host");
  });
});
