import { describe, expect, test } from "vitest";
import { listenerName } from "../../src/ports/port-owner.ts";
import { bindProbe } from "../../src/ports/port-probe.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { listenOn } from "../helpers/listener.ts";

describe("the bind probe", () => {
  test.each(["0.0.0.0", "127.0.0.1", "::", "::1"])("sees a listener on %s alone, and its end", async (host) => {
    const [port] = await freePorts(1);
    const { close } = await listenOn(port, host);
    expect(await bindProbe(port)).toBe(false);
    await close();
    expect(await bindProbe(port)).toBe(true);
  });
});

describe("who listens", () => {
  test.each(["127.0.0.1", "::1"])("on %s is told by pid and name", async (host) => {
    const [port] = await freePorts(1);
    await listenOn(port, host);
    expect(listenerName(port)).toMatch(new RegExp(`^process ${process.pid} \\(.+\\)$`));
  });

  test("is nobody in particular where nobody does", async () => {
    const [port] = await freePorts(1);
    expect(listenerName(port)).toBe("a process of this host");
  });
});
