import { type Dirent, readdirSync, statSync } from "node:fs";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { InvalidArgumentError } from "../../errors/errors.ts";
import { SOURCE_FILE } from "../../iris/session/classes.ts";
import { fullPath, workingDirectory } from "../../settings/config.ts";

/**
 * The files of a path, sorted: a file, a directory with everything below it, or a glob of `*`, `**`, `?`
 * and `{a,b}`. Of directories and globs only files of classes and routines count.
 * @throws InvalidArgumentError when there is none
 */
export function sourceFiles(path: string): string[] {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status?.isFile() && SOURCE_FILE.test(path)) return [fullPath(path)];
  const files = status?.isDirectory() ? filesBelow(fullPath(path)) : status === undefined ? matching(path) : [];
  if (files.length > 0) return files.sort();
  throw new InvalidArgumentError({
    what: `${JSON.stringify(path)} names no file of classes or routines.`,
    state: `It was looked up as ${fullPath(path)}.`,
    remedy: "give a file, a directory, or a glob of files that end in .cls, .mac, .inc, .int or .xml",
    argument: "path",
    value: path,
  });
}

const MAGIC = /[*?{]/;

function matching(glob: string): string[] {
  const parts = glob.split(/[\\/]/);
  const fixed = parts.findIndex((part) => MAGIC.test(part));
  if (fixed < 0) return [];
  const base = resolve(
    isAbsolute(glob) ? `${parts[0]}${sep}` : workingDirectory(),
    ...parts.slice(isAbsolute(glob) ? 1 : 0, fixed),
  );
  const pattern = globPattern(parts.slice(fixed));
  return filesBelow(base).filter((file) => pattern.test(relative(base, file).split(sep).join("/")));
}

function globPattern(parts: readonly string[]): RegExp {
  const text = parts.map((part) => (part === "**" ? "(?:[^/]+/)*" : `${partPattern(part)}/`)).join("");
  return new RegExp(`^${text.replace(/\/$/, "")}$`);
}

function partPattern(part: string): string {
  return part.replaceAll(/\*+|\?|[{},]|[.+^$()|[\]\\]/g, (sign) => {
    if (sign.startsWith("*")) return "[^/]*";
    return { "?": "[^/]", "{": "(?:", "}": ")", ",": "|" }[sign] ?? `\\${sign}`;
  });
}

function filesBelow(directory: string): string[] {
  return entriesOf(directory).flatMap((entry) => {
    const path = join(directory, entry.name);
    const isDirectory = entry.isDirectory() || (entry.isSymbolicLink() && statSync(path).isDirectory());
    if (isDirectory) return entry.name === "node_modules" || entry.name === ".git" ? [] : filesBelow(path);
    return SOURCE_FILE.test(entry.name) ? [path] : [];
  });
}

function entriesOf(directory: string): Dirent[] {
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory()
    ? readdirSync(directory, { withFileTypes: true })
    : [];
}
