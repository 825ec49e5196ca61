import { readFileSync } from "node:fs";
import type { Content } from "testcontainers";
import { configurationPart, type Part } from "../../lifecycle/fingerprint.ts";

type Source = { readonly source: string; readonly target: string };

/** Everything that is copied into a container. Streams were read before. */
export type Copies = {
  readonly contents: readonly { readonly content: Content; readonly target: string }[];
  readonly files: readonly Source[];
  readonly directories: readonly Source[];
  readonly archives: readonly { readonly target: string }[];
};

/** What is copied as parts of the container's configuration: IRIS's own files by content, other files by their path. */
export function copiedParts({ contents, files, directories, archives }: Copies): readonly Part[] {
  const all = [
    ...contents.map(({ content, target }) => ({ content, target, read: () => String(content) })),
    ...files.map(({ source, target }) => ({ source, target, read: () => readFileSync(source, "utf8") })),
    ...directories,
  ];
  const known: Part[] = [];
  const content: string[][] = [];
  const sources: string[][] = [];
  for (const copy of all) {
    const part = "read" in copy ? configurationPart(copy.target, copy.read) : undefined;
    if (part !== undefined) known.push(part);
    else if ("content" in copy) content.push([copy.target, bytesOf(copy.content)]);
    else sources.push([copy.source, copy.target]);
  }
  const parts = [
    { name: "copied content", value: content },
    { name: "set of copied files", value: sources },
    { name: "set of copied archives", value: archives.map(({ target }) => target) },
  ];
  return [...known, ...parts.filter(({ value }) => value.length > 0)];
}

function bytesOf(content: Content): string {
  return Buffer.from(content as string | Buffer).toString("base64");
}
