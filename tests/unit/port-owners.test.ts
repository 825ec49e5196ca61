import { randomInt } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { listenerName, listeningPorts } from "../../src/registry/host/listening-ports.ts";
import { bindProbe, quietProbe } from "../../src/registry/host/port-probe.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { listenOn } from "../helpers/listener.ts";
import { showProc, systemError } from "../helpers/recorded-proc.ts";
import { CAN_BE_OTHERS, MALLORY } from "../helpers/users.ts";

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const row = (port: number, state: string, inode: number) =>
  `   0: 0100007F:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1001        0 ${inode} 1 0000000000000000 100 0 0 10 0`;

describe.skipIf(process.platform !== "linux")("the kernel's table of sockets", () => {
  test("names the listening ports, and no others", async () => {
    const [port, other] = await freePorts(2);
    await listenOn(port, "127.0.0.1");
    expect(listeningPorts()?.has(port)).toBe(true);
    expect(listeningPorts()?.has(other)).toBe(false);
    expect(await quietProbe()?.(port)).toBe(false);
    expect(await quietProbe()?.(other)).toBe(true);
  });

  test("may be unreadable: then listeners are unknown, and ports must be bound", () => {
    showProc({ "/proc/net/tcp": systemError("EACCES") });
    expect(listeningPorts()).toBeUndefined();
    expect(quietProbe()).toBeUndefined();
    expect(listenerName(1972)).toBe("a process of this host");
  });

  test("leads to the process with the socket, skipping processes that cannot be read or are gone", () => {
    const tables = { "/proc/net/tcp": `${HEAD}\n${row(1972, "01", 776)}\n${row(1972, "0A", 777)}\n` };
    const processes = {
      "/proc": "self 300 301 302",
      "/proc/300/fd": systemError("EACCES"),
      "/proc/301/fd": "0 1",
      "/proc/301/fd/0": "/dev/null",
      "/proc/301/fd/1": systemError("ENOENT"),
      "/proc/302/fd": "4",
      "/proc/302/fd/4": "socket:[777]",
      "/proc/302/comm": "irisdb\n",
    };
    showProc({ ...tables, ...processes });
    expect(listenerName(1972)).toBe("process 302 (irisdb)");
    showProc({ ...tables, ...processes, "/proc/302/fd/4": "socket:[776]" });
    expect(listenerName(1972)).toBe("a process of this host");
  });
});

describe.skipIf(process.platform === "win32")("a port that only root may bind", () => {
  /** Becomes a user without rights for the rest of the test, where this one is root. */
  function loseRights(): void {
    if (!CAN_BE_OTHERS) return;
    process.seteuid?.(MALLORY.uid);
    onTestFinished(() => process.seteuid?.(0));
  }

  test("is free unless a program listens there", async () => {
    const free: number[] = [];
    // Anywhere, because other tests of this machine do the same.
    for (let port = 702 + randomInt(250); port < 1_000 && free.length < 2; port++)
      if (await bindProbe(port)) free.push(port);
    const [port = 0, other = 0] = free;
    if (CAN_BE_OTHERS) await listenOn(port, "127.0.0.1");
    loseRights();
    expect(await bindProbe(other)).toBe(true);
    if (CAN_BE_OTHERS) expect(await bindProbe(port)).toBe(false);
  });
});
