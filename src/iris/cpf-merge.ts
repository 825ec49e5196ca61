import { InvalidArgumentError } from "../errors/errors.ts";

/**
 * A configuration merge file that caps the memory for global buffers, which IRIS otherwise takes from the whole host:
 * 25 % of its RAM for every container. Size in MB, at least 16.
 * @throws InvalidArgumentError when the size is no whole number of at least 16
 * @see https://docs.intersystems.com/irislatest/csp/docbook/DocBook.UI.Page.cls?KEY=RACS_globals
 */
export function memoryCapCpf(globalBuffersMb: number): string {
  if (!Number.isSafeInteger(globalBuffersMb) || globalBuffersMb < 16) {
    throw new InvalidArgumentError({
      argument: "globalBuffersMb",
      value: globalBuffersMb,
      what: `${globalBuffersMb} MB are no usable size for IRIS's global buffers.`,
      remedy: "use a whole number of megabytes of at least 16, for example 256",
    });
  }
  return `[config]\nglobals=0,0,${globalBuffersMb},0,0,0\n`;
}
