import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
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
    filesAt(resolve(workspace, path), path).map((file) => ({
      shown: file,
      content: readFile(input, file, { workspace }),
    })),
  );
}

function filesAt(absolute: string, path: string): string[] {
  if (!existsSync(absolute) || !statSync(absolute).isDirectory()) return [path];
  const entries = readdirSync(absolute, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  return entries.map(({ name, parentPath }) => join(path, relative(absolute, parentPath), name)).sort();
}

function readFile(
  input: string,
  path: string,
  { workspace, isSecret = false }: { readonly workspace: string; readonly isSecret?: boolean },
): string {
  try {
    return readFileSync(resolve(workspace, path), "utf8");
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
