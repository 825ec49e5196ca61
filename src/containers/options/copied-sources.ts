import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { Content } from "testcontainers";
import { InvalidArgumentError } from "../../errors/errors.ts";
import { utf8Text } from "../../text/utf8-text.ts";

type CopiedContent = { readonly content: Content; readonly target: string };
type CopiedArchive = { readonly tar: Readable; readonly target: string };

/** @throws InvalidArgumentError when this process cannot read that path as a file */
export function checkFile(path: string, argument: string): void {
  const problem = problemOf(path, false);
  if (problem !== undefined) throw unusable(`The file ${path}`, problem, "a file", argument, path);
}

/** The text of a file in UTF-8. @throws InvalidArgumentError when this process cannot read it as one */
export function readText(path: string, argument: string): string {
  checkFile(path, argument);
  const bytes = readFileSync(path);
  try {
    return utf8Text(bytes);
  } catch (cause) {
    throw new InvalidArgumentError({
      what: `The file ${path} cannot be used: ${wordsOf(cause)}.`,
      remedy: "convert it to UTF-8",
      argument,
      value: path,
      cause,
    });
  }
}

/** @throws InvalidArgumentError when this process cannot read that path as a directory */
export function checkDirectory(path: string, argument: string): void {
  const problem = problemOf(path, true);
  if (problem !== undefined) throw unusable(`The directory ${path}`, problem, "a directory", argument, path);
}

/**
 * The contents with streams read to the end, because a stream can be read only once and a start may be repeated.
 * @throws InvalidArgumentError when a stream cannot be read
 */
export function withoutStreams<T extends CopiedContent>(contents: readonly T[]): Promise<T[]> {
  return Promise.all(
    contents.map(async (copied) => {
      const { content, target } = copied;
      return content instanceof Readable ? { ...copied, content: await bytesOf(content, target) } : copied;
    }),
  );
}

/**
 * The archives with fresh streams, any number of times.
 * @throws InvalidArgumentError when a stream cannot be read
 */
export function freshArchives<T extends CopiedArchive>(archives: readonly T[]): Promise<T[]> {
  return Promise.all(
    archives.map(async (copied) => ({ ...copied, tar: Readable.from(await bytesOf(copied.tar, copied.target)) })),
  );
}

const read = new WeakMap<Readable, Promise<Buffer>>();

/** The content of a stream, kept for later reads. */
async function bytesOf(stream: Readable, target: string): Promise<Buffer> {
  const bytes = read.get(stream) ?? buffer(stream);
  read.set(stream, bytes);
  try {
    return await bytes;
  } catch (cause) {
    throw new InvalidArgumentError({
      what: `The stream that is to be copied to ${target} in the container cannot be read: ${wordsOf(cause)}.`,
      remedy: "give a stream that has not been read or closed before the start",
      argument: "content",
      value: target,
      cause,
    });
  }
}

function problemOf(path: string, isDirectoryWanted: boolean): string | undefined {
  try {
    const isDirectory = statSync(path).isDirectory();
    if (isDirectory !== isDirectoryWanted) return isDirectory ? "it is a directory" : "it is not a directory";
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    return wordsOf(error);
  }
}

function unusable(subject: string, problem: string, wanted: string, argument: string, value: string) {
  return new InvalidArgumentError({
    what: `${subject} cannot be copied into the container: ${problem}.`,
    remedy: `give the path of ${wanted} on this machine that this user may read`,
    argument,
    value,
  });
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
