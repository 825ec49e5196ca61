import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { InvalidArgumentError } from "../../errors/errors.ts";
import { osCode } from "../../errors/os-code.ts";
import { removeIfThere, writeNewFile } from "../../stores/safe-file.ts";

/** A file that a user keeps, read as UTF-8. */
export type TextFile = {
  readonly path: string;
  readonly text: string;
  readonly stat: fs.Stats | undefined;
};

/**
 * Reads a file that is to be edited; a missing one is empty.
 * @throws InvalidArgumentError for anything but a regular, writable file in UTF-8
 */
export function readTextFile(path: string): TextFile {
  try {
    const stat = fs.lstatSync(path);
    const problem = problemOf(path, stat);
    if (problem !== undefined) throw unusable(path, ...problem);
    return {
      path,
      stat,
      text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(fs.readFileSync(path)),
    };
  } catch (cause) {
    if (osCode(cause) === "ENOENT") return newFile(path);
    if (cause instanceof InvalidArgumentError) throw cause;
    if (osCode(cause) === "ERR_ENCODING_INVALID_ENCODED_DATA")
      throw unusable(path, "is not UTF-8 text", "convert it to UTF-8, or write another file");
    throw unusable(path, `cannot be read (${messageOf(cause)})`, "check its path and permissions");
  }
}

/** The line end of the first line. Only files without any line feed have lines that end with a carriage return. */
export function lineEndOf(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? (text.includes("\r") ? "\r" : "\n");
}

/** The lines with their line ends. */
export function linesOf(text: string): readonly string[] {
  return text.split(lineEndOf(text) === "\r" ? /(?<=\r)/ : /(?<=\n)/);
}

function newFile(path: string): TextFile {
  const directory = dirname(path);
  // A directory such as .vscode/ is created, but not its parents, whose path may be mistyped.
  if ([directory, dirname(directory)].some(isDirectory)) return { path, text: "", stat: undefined };
  throw unusable(
    path,
    `cannot be written: there is no directory ${directory}`,
    "correct the path, or create the directory",
  );
}

function isDirectory(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Replaces the file's content in one step, so that readers never see an incomplete file; mode and owner stay. A missing
 * directory is created if its parent exists.
 * @throws InvalidArgumentError when the system refuses
 */
export function writeTextFile({ path, stat }: TextFile, text: string): void {
  const draft = join(dirname(path), `.iris-ports-${randomUUID()}.tmp`);
  try {
    if (!fs.existsSync(dirname(path))) fs.mkdirSync(dirname(path));
    const owner = stat === undefined ? { mode: 0o666 & ~process.umask() } : { ...stat, mode: stat.mode & 0o777 };
    writeNewFile(draft, Buffer.from(text), owner, false);
    fs.renameSync(draft, path);
  } catch (cause) {
    removeIfThere(draft);
    throw unusable(path, `cannot be written (${messageOf(cause)})`, "check its directory and permissions");
  }
}

function problemOf(path: string, stat: fs.Stats): readonly [string, string] | undefined {
  if (stat.isSymbolicLink())
    return [
      `is a symbolic link to ${fs.readlinkSync(path)}, which other directories may use as well`,
      "name the target of the link, or replace the link with a file",
    ];
  if (stat.isDirectory()) return ["is a directory", "give the path of a file in it"];
  if (!stat.isFile()) return ["is not a regular file", "give the path of a file"];
  // Root could write it, and a rename would replace it anyway, but its owner has made it read-only.
  if ((stat.mode & 0o222) === 0 || !isWritable(path))
    return ["is read-only", "make it writable, or write another file"];
  return undefined;
}

function isWritable(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.W_OK);
    return true;
  } catch {
    // Whatever the reason, this user may not write it.
    return false;
  }
}

/** The error for a file that cannot be edited; it was not changed. */
export function unusable(path: string, problem: string, remedy: string): InvalidArgumentError {
  return new InvalidArgumentError({
    what: `${path === "" ? "The file of --write" : path} ${problem}.`,
    state: "The file was not changed.",
    remedy,
    argument: "--write",
    value: path,
  });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
