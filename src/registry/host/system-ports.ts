import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import createDebug from "debug";

const debug = createDebug("iris-ports:ports");
const run = promisify(execFile);

/** First and last port, both included. */
export type PortRange = readonly [first: number, last: number];

/** Ports that the system uses or excludes. */
export type SystemPorts = {
  /** The range from which outgoing connections take their local port. */
  readonly ephemeral: PortRange | undefined;
  /** Ports that outgoing connections skip. */
  readonly reserved: readonly PortRange[];
  /** Ports that Windows excludes from use, for example for Hyper-V. */
  readonly excluded: readonly PortRange[];
};

/** Reads the system's settings of ports; unknown parts are empty. */
export async function readSystemPorts(): Promise<SystemPorts> {
  const [ephemeral] = parsePortRanges(readProc("ip_local_port_range").replace(/\s+/, "-"));
  return {
    ephemeral,
    reserved: parsePortRanges(readProc("ip_local_reserved_ports")),
    excluded: parseExcludedPorts(process.platform === "win32" ? await askNetsh() : ""),
  };
}

/** Parses the kernel's format, `52773-52782,8080`. */
export function parsePortRanges(text: string): readonly PortRange[] {
  return Array.from(text.matchAll(/(\d+)(?:-(\d+))?/g), ([, first, last = first]) => [Number(first), Number(last)]);
}

/** Parses the table of `netsh interface ipv4 show excludedportrange protocol=tcp`, in any language. */
export function parseExcludedPorts(text: string): readonly PortRange[] {
  return Array.from(text.matchAll(/^\s*(\d+)\s+(\d+)\s*\*?\s*$/gm), ([, first, last]) => [Number(first), Number(last)]);
}

/** The ports that two ranges have in common. */
export function overlap(one: PortRange, other: PortRange): PortRange | undefined {
  const first = Math.max(one[0], other[0]);
  const last = Math.min(one[1], other[1]);
  return first <= last ? [first, last] : undefined;
}

function readProc(name: string): string {
  const path = `/proc/sys/net/ipv4/${name}`;
  return existsSync(path) ? readFileSync(path, "utf8").trim() : "";
}

async function askNetsh(): Promise<string> {
  try {
    const args = ["interface", "ipv4", "show", "excludedportrange", "protocol=tcp"];
    return (await run("netsh", args, { windowsHide: true })).stdout;
  } catch (cause) {
    debug("the excluded ports are unknown: %o", cause);
    return "";
  }
}
