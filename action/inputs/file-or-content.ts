import { type Dirent, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { messageOf } from "../output/log.ts";
import { invalidInput } from "./input-values.ts";

/**
 * The content of a text file, or the text itself where it has several lines. A relative path counts from the workspace.
 * @param options.isSecret the value is not shown in the message
 * @throws InvalidArgumentError when it is one line and not a file that can be read
 */
export function readFileOrContent(
  input: string,
  text: string,
  options: { readonly workspace: string; readonly isSecret?: boolean },
): string | undefined {
  const value = text.trim();
  if (value === "") return undefined;
  if (/[\r\n]/.test(value)) return `${value.replaceAll("\r\n", "\n")}\n`;
  return readFile(input, value, options);
}

/** A file that a list of paths names. */
export type ListedFile = {
  /** As the workflow has it, below a directory that it names. */
  readonly shown: string;
  readonly content: string;
};

/**
 * The files of a list with one path per line; of a directory all files below it, by name.
 * @throws InvalidArgumentError when one cannot be read
 */
export function readFileList(input: string, text: string, workspace: string): readonly ListedFile[] {
  const paths = text.split(/\r?\n/).map((line) => line.trim());
  return paths.filter(Boolean).flatMap((path) =>
    filesAt(input, path, workspace).map((file) => ({
      shown: file,
      content: readFile(input, file, { workspace }),
    })),
  );
}

/** More are a mistake, such as `/`, and reading them would fill the memory. */
const MOST_FILES = 1_000;

function filesAt(input: string, path: string, workspace: string): string[] {
  if (!isDirectory(resolve(workspace, path))) return [path];
  const files: string[] = [];
  const directories = [path];
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for (const entry of entriesOf(input, directory, workspace)) {
      const below = join(directory, entry.name);
      if (entry.isDirectory()) directories.push(below);
      else if (entry.isFile()) files.push(below);
    }
    if (files.length > MOST_FILES) {
      const problem = `names a directory with more than ${MOST_FILES} files`;
      throw invalidInput(input, path, problem, "name the directory that holds the files, or the files.");
    }
  }
  return files.sort();
}

/** False also where the system cannot tell: reading it as a file then says why. */
function isDirectory(absolute: string): boolean {
  try {
    return statSync(absolute).isDirectory();
  } catch {
    return false;
  }
}

function entriesOf(input: string, directory: string, workspace: string): readonly Dirent[] {
  try {
    return readdirSync(resolve(workspace, directory), { withFileTypes: true });
  } catch (error) {
    const problem = `names a directory that cannot be read (${messageOf(error)})`;
    throw invalidInput(input, directory, problem, "give this user access to it, or name the files.");
  }
}

function readFile(
  input: string,
  path: string,
  { workspace, isSecret = false }: { readonly workspace: string; readonly isSecret?: boolean },
): string {
  try {
    const absolute = resolve(workspace, path);
    // A device such as /dev/zero has no end.
    if (!statSync(absolute).isFile()) throw new Error("it is not a regular file");
    return readFileSync(absolute, "utf8");
  } catch (error) {
    // A message of the system repeats the path, which may be a secret that was pasted in one line.
    const problem = isSecret
      ? "names no file that can be read"
      : `names a file that cannot be read (${messageOf(error)})`;
    const remedy =
      "give a path, relative to the workspace or absolute, or the content itself, which has several lines.";
    throw invalidInput(input, isSecret ? "(not shown)" : path, problem, remedy);
  }
}
