import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { onTestFinished } from "vitest";
import { bindProbe } from "../../src/registry/host/port-probe.ts";

// Below Linux's ephemeral ports, so that no outgoing connection of the machine takes one.
const FIRST = 30_000;
const BLOCK = 20;
const BLOCKS = 138;

/**
 * Ports that are free now and that no other test uses while this one runs. The block is reserved by a UDP socket on its
 * first number, which does not conflict with a TCP listener and is released by the system when the process ends.
 */
export async function freePorts(count: number): Promise<readonly [first: number, last: number]> {
  const ports = await reservePorts(count);
  onTestFinished(() => ports[Symbol.asyncDispose]());
  return ports.range;
}

/** The same without a time limit, for the tests of a file that share a container. */
export async function reservePorts(count: number): Promise<ReservedPorts> {
  if (count > BLOCK) throw new RangeError(`a test gets at most ${BLOCK} ports`);
  for (let attempt = 0; attempt < 500; attempt++) {
    const first = FIRST + BLOCK * randomInt(BLOCKS);
    const reservation = await reserve(first);
    if (reservation === undefined) continue;
    if (await areFree(first, count)) return { ...reservation, range: [first, first + count - 1] };
    await reservation[Symbol.asyncDispose]();
  }
  throw new Error("no block of free ports was found");
}

type ReservedPorts = AsyncDisposable & { readonly range: readonly [first: number, last: number] };

async function areFree(first: number, count: number): Promise<boolean> {
  for (let port = first; port < first + count; port++) if (!(await bindProbe(port))) return false;
  return true;
}

function reserve(port: number): Promise<AsyncDisposable | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => resolve(undefined));
    socket.bind({ address: "127.0.0.1", port, exclusive: true }, () => {
      socket.unref();
      resolve({ [Symbol.asyncDispose]: () => new Promise<void>((closed) => socket.close(() => closed())) });
    });
  });
}

/**
 * Several hundred numbers, for tests that only ask for ports and never listen: some may be taken, which are skipped.
 * Apart from the blocks above, because two probes of one port see each other.
 */
export function wideRange(): readonly [first: number, last: number] {
  const first = 33_000 + randomInt(6_000);
  return [first, first + 700];
}
