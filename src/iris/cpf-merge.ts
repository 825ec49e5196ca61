import { InvalidArgumentError } from "../errors/errors.ts";

/**
 * A configuration merge file that caps the memory for global buffers in MB, at least 16. Without it, every container takes
 * 25 % of the host's memory.
 * @throws InvalidArgumentError when the size is not a whole number of at least 16
 * @example
 * ```ts
 * import { IrisRegistryContainer, memoryCapCpf } from "iris-ports";
 *
 * await using iris = await new IrisRegistryContainer().withCpfMerge(memoryCapCpf(256)).start();
 * ```
 * @see https://docs.intersystems.com/irislatest/csp/docbook/DocBook.UI.Page.cls?KEY=RACS_globals
 */
export function memoryCapCpf(globalBuffersMb: number): string {
  if (!Number.isSafeInteger(globalBuffersMb) || globalBuffersMb < 16) {
    throw new InvalidArgumentError({
      argument: "globalBuffersMb",
      value: globalBuffersMb,
      what: `${globalBuffersMb} MB is not a usable size for IRIS's global buffers.`,
      remedy: "use a whole number of megabytes of at least 16, for example 256",
    });
  }
  return `[config]\nglobals=0,0,${globalBuffersMb},0,0,0\n`;
}

/** Several merge files as one: each section once, with the lines of all files in their order. */
export function joinCpfMerges(merges: readonly string[]): string {
  const sections = new Map<string, string[]>();
  for (const merge of merges) {
    let section = "";
    for (const line of merge.split(/\r?\n/)) {
      if (/^\s*\[.*\]\s*$/.test(line)) section = line.trim();
      else if (line.trim() !== "") sections.set(section, [...(sections.get(section) ?? []), line]);
    }
  }
  return [...sections].map(([section, lines]) => `${[section, ...lines].join("\n").trimStart()}\n`).join("");
}
