import { InvalidArgumentError } from "../../errors/errors.ts";

/** The distance of a port to its web port, the same for all ports as from 1972 to 52773. */
const OFFSET = 52773 - 1972;
/** The highest port with a web port beside it. */
export const HIGHEST_WITH_WEB_PORT = 65535 - OFFSET;

/** The registry's host port for the web server of the assignment on `port`. */
export function webPortOf(port: number): number {
  return port + OFFSET;
}

/** @throws InvalidArgumentError when a port is too high to have a web port beside it */
export function checkWebPort(port: number): void {
  if (port <= HIGHEST_WITH_WEB_PORT) return;
  throw new InvalidArgumentError({
    what: `Port ${port} can have no web port: 52773 + (${port} - 1972) would be above 65535.`,
    remedy: `use ports up to ${HIGHEST_WITH_WEB_PORT}, or ask for no web port`,
    argument: "hasWebPort",
    value: port,
  });
}
