import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { namedFiles } from "../../src/settings/files-below.ts";
import { utf8Text } from "../../src/text/utf8-text.ts";
import { messageOf } from "../output/log.ts";
import { invalidInput } from "./input-values.ts";

/**
 * The content of a text file, or the text itself if it has several lines. A relative path counts from the workspace.
 * @param options.isSecret the value is not shown in the message
 * @throws InvalidArgumentError when it is one line and not a file that can be read
 */
export function readFileOrContent(input: string, text: string, options: ReadOptions): string | undefined {
  const value = text.trim();
  if (value === "") return undefined;
  if (/[\r\n]/.test(value)) return `${value.replaceAll("\r\n", "\n")}\n`;
  return readFile(input, value, { ...options, orContent: ", or the content itself, which has several lines" });
}

/** A file that a list of paths names. */
export type ListedFile = {
  /** The path as the workflow gives it, or below a directory that the workflow gives. */
  readonly shown: string;
  readonly content: string;
};

/**
 * The files of a list with one path per line; a directory stands for all files below it, sorted by path.
 * @throws InvalidArgumentError when one cannot be read
 */
export function readFileList(input: string, text: string, workspace: string): readonly ListedFile[] {
  const paths = text.split(/\r?\n/).map((line) => line.trim());
  const refusal = (path: string, problem: string, remedy: string) => invalidInput(input, path, problem, remedy);
  return paths
    .filter(Boolean)
    .flatMap((path) => namedFiles(path, { base: workspace, refusal }))
    .map((file) => ({ shown: file, content: readFile(input, file, { workspace }) }));
}

type ReadOptions = { readonly workspace: string; readonly isSecret?: boolean; readonly orContent?: string };

function readFile(input: string, path: string, options: ReadOptions): string {
  const bytes = readBytes(input, path, options);
  try {
    return utf8Text(bytes);
  } catch (error) {
    const problem = `names a file that cannot be read (${messageOf(error)})`;
    throw invalidInput(input, shown(path, options), problem, "convert it to UTF-8");
  }
}

function readBytes(input: string, path: string, options: ReadOptions): Buffer {
  try {
    const absolute = resolve(options.workspace, path);
    // A device such as /dev/zero has no end.
    if (!statSync(absolute).isFile()) throw new Error("it is not a regular file");
    return readFileSync(absolute);
  } catch (error) {
    // The system's message repeats the path, which may be a secret pasted on one line.
    const problem = options.isSecret
      ? "names no file that can be read"
      : `names a file that cannot be read (${messageOf(error)})`;
    const remedy = `give a path, relative to the workspace or absolute${options.orContent ?? ""}`;
    throw invalidInput(input, shown(path, options), problem, remedy);
  }
}

function shown(path: string, { isSecret = false }: ReadOptions): string {
  return isSecret ? "(not shown)" : path;
}
