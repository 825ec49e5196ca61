import { randomInt } from "node:crypto";
import { bindProbe } from "../../src/registry/host/port-probe.ts";

const WEB_PORT_OFFSET = 52773 - 1972;

/** A range of free ports that are low enough to have a web port each, which is free as well. */
export async function webPortRange(count: number): Promise<readonly [first: number, last: number]> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const first = randomInt(5_000, 14_000 - count);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const pairs = ports.flatMap((port) => [port, port + WEB_PORT_OFFSET]);
    if (await areFree(pairs)) return [first, first + count - 1];
  }
  throw new Error("no range of free ports with free web ports was found");
}

async function areFree(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) if (!(await bindProbe(port))) return false;
  return true;
}
