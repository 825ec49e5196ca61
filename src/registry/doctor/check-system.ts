import { availableParallelism } from "node:os";
import { webPortOf } from "../allocation/web-port.ts";
import { overlap, type PortRange, readSystemPorts, type SystemPorts } from "../host/system-ports.ts";
import { type Finding, warn } from "./finding.ts";

/** The most processors with which Community Edition starts. @see https://docs.intersystems.com/irislatest/csp/docbook/DocBook.UI.Page.cls?KEY=ACLOUD */
const MOST_COMMUNITY_CORES = 20;

/** Problems of this machine; none if the ports open on another host. */
export async function checkSystem(portRange: PortRange): Promise<readonly Finding[]> {
  return [...checkSystemPorts(portRange, await readSystemPorts()), ...checkCores(availableParallelism())];
}

/** Checks whether outgoing connections or Windows itself may take the registry's ports. */
export function checkSystemPorts(portRange: PortRange, system: SystemPorts): readonly Finding[] {
  const webRange: PortRange = [webPortOf(portRange[0]), webPortOf(portRange[1])];
  const hasWebPorts = webRange[1] <= 65_535;
  const ranges = hasWebPorts ? [portRange, webRange] : [portRange];
  return [
    ...ranges.flatMap((range) => checkEphemeral(range, system)),
    ...ranges.flatMap((range) => checkExcluded(range, system)),
  ];
}

function checkEphemeral(range: PortRange, { ephemeral, reserved }: SystemPorts): readonly Finding[] {
  const shared = ephemeral && overlap(range, ephemeral);
  if (shared === undefined || reserved.some(([first, last]) => first <= shared[0] && shared[1] <= last)) return [];
  const all = [...reserved, shared].map(textOf).join(",");
  return [
    warn(
      "system",
      `outgoing connections may take ports ${textOf(shared)}, which this machine does not reserve`,
      `sudo sysctl -w net.ipv4.ip_local_reserved_ports=${all}`,
    ),
  ];
}

function checkExcluded(range: PortRange, { excluded }: SystemPorts): readonly Finding[] {
  const shared = excluded.map((other) => overlap(range, other)).filter((common) => common !== undefined);
  if (shared.length === 0) return [];
  return [
    warn(
      "system",
      `Windows lets no program use ports ${shared.map(textOf).join(", ")} (netsh interface ipv4 show excludedportrange tcp)`,
      "set IRIS_PORT_RANGE to ports that are not excluded",
    ),
  ];
}

/** Checks whether Community images start on this machine. */
export function checkCores(cores: number): readonly Finding[] {
  if (cores <= MOST_COMMUNITY_CORES) return [];
  return [
    warn(
      "system",
      `this machine has ${cores} processors, but IRIS Community Edition starts on ${MOST_COMMUNITY_CORES} at most`,
      `limit its container to ${MOST_COMMUNITY_CORES} processors: docker run --cpuset-cpus 0-${MOST_COMMUNITY_CORES - 1} ...`,
    ),
  ];
}

function textOf([first, last]: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}
